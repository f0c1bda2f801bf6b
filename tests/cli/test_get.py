"""`ovseg get`, `models` and `push`, as they are typed."""

import json

import pytest
from safetensors.numpy import save

from ovseg_jax.cli import get
from ovseg_jax.cli.main import main
from ovseg_jax.fetching import hub
from ovseg_jax.fetching.web import FetchError
from ovseg_jax.loading.opening import resolve
from ovseg_jax.loading.weights import load_weights
from tests.convert import open_clip_files
from tests.convert.test_getting import NAME, server  # noqa: F401 - a fixture
from tests.fetching.server import serving
from tests.fetching.test_hub import publish
from tests.zeros import save_zeros


@pytest.fixture
def weights(tmp_path):
    """A weights directory of zeros."""
    return save_zeros(tmp_path / "models" / "zeros")


@pytest.fixture
def answers(monkeypatch):
    """Somebody at a terminal who says these things."""
    said = []
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: asked(question))
    seen = []

    def asked(question):
        seen.append(question)
        if not said:
            raise EOFError
        return said.pop(0)

    return said, seen


def test_get_says_what_it_takes_and_how_to_use_it(server, capsys):  # noqa: F811
    assert main(["get", NAME]) == 0
    out = capsys.readouterr().out
    assert "licence: MIT" in out and f"use it by --model {NAME}" in out
    assert server.address in out
    assert main(["get", NAME]) == 0 and "licence" not in capsys.readouterr().out
    assert len(server.requests) == 1


def test_a_file_of_the_real_table_comes_from_a_mirror_of_the_hub(monkeypatch, tmp_path, capsys):
    """Of toy size: what the file holds decides what it becomes."""
    monkeypatch.setenv("OVSEG_CACHE", str(tmp_path / "cache"))
    content = save(open_clip_files.random(open_clip_files.toy_adapter()))
    name = "fcclip_convnext_large_maskadapter.pth"
    with serving() as mirror:
        monkeypatch.setenv("HF_ENDPOINT", mirror.address)
        publish(mirror, "1" * 40, {name: content}, repository="owl10/Mask-Adapter")
        assert main(["get", "mask_adapter_large"]) == 0
    assert "use it by --model mask_adapter_large" in capsys.readouterr().out
    folder = resolve("mask_adapter_large")
    assert load_weights(folder)[0].method.kind == "mask_adapter"
    report = json.loads((folder / "report.json").read_text())
    assert report["published"]["revision"] == "1" * 40 and report["source"] == name


def test_nobody_at_a_terminal_means_no_licence(server, capsys):  # noqa: F811
    assert main(["get", "held_clip", "--yes"]) == 2
    assert "say --accept-licence" in capsys.readouterr().err and not server.requests
    assert main(["get", "held_clip", "--accept-licence"]) == 0


@pytest.mark.parametrize(
    ("typed", "status", "questions"),
    [(["y", "y"], 0, 2), (["n"], 1, 1), ([], 1, 1), (["yes", ""], 1, 2)],
)
def test_somebody_at_a_terminal_is_asked(server, answers, typed, status, questions):  # noqa: F811
    said, seen = answers
    said += typed
    assert main(["get", "held_clip"]) == status
    assert len(seen) == questions and "forbids commercial use" in seen[0]
    assert bool(server.requests) == (status == 0)


def test_yes_and_an_accepted_licence_ask_nothing(server, answers):  # noqa: F811
    assert main(["get", "held_clip", "--yes", "--accept-licence"]) == 0 and not answers[1]


def test_offline_is_told(server, capsys):  # noqa: F811
    assert main(["get", NAME, "--offline"]) == 2
    assert "the network is switched off" in capsys.readouterr().err and not server.requests


def test_unknown_names_are_told(capsys):
    assert main(["get", "mask_adapter_larg"]) == 2
    assert "did you mean mask_adapter_large" in capsys.readouterr().err
    assert main(["embed", "--vocab", "cat", "--model", "mask_adapter_large"]) == 2
    assert "`ovseg get mask_adapter_large`" in capsys.readouterr().err


def test_models_lists_everything(server, tmp_path, weights, capsys):  # noqa: F811
    main(["get", NAME])
    capsys.readouterr()
    assert main(["models", str(weights.parent)]) == 0
    out = capsys.readouterr().out
    for title in ("Towers", "Mask generators", "Methods", "Published files", "Converted here"):
        assert f"{title}" in out
    assert "convnext_large_d_320" in out and "swin_tiny" in out and "maskclippp" in out
    assert "held_clip" in out and "(not commercial)" in out
    here = out.partition("Converted here")[2]
    assert NAME in here and str(weights) in here
    assert main(["models", str(weights.parent), "--here", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["here"]
    assert [each["name"] for each in listed] == [NAME, str(weights)]
    assert listed[0]["licence"].startswith("MIT") and listed[0]["tower"] == "convnext_toy"
    assert main(["models", "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert {"towers", "generators", "methods", "kinds", "files", "here"} == set(everything)


def test_push_writes_and_checks_a_folder(weights, tmp_path, capsys):
    folder = tmp_path / "up"
    line = ["push", str(weights), str(folder)]
    assert main(line) == 2 and "--repo OWNER/NAME" in capsys.readouterr().err
    assert main([*line, "--repo", "me/mine"]) == 2
    assert "--licence NAME" in capsys.readouterr().err
    assert main([*line, "--repo", "me/mine", "--licence", "Apache-2.0"]) == 0
    assert f"hf upload me/mine {folder}" in capsys.readouterr().out
    assert main(["push", str(folder)]) == 0
    assert main(["push", str(weights)]) == 2 and "lacks README.md" in capsys.readouterr().err


def test_a_place_on_the_hub_is_a_model(monkeypatch, capsys):
    def refuse(place):
        raise FetchError(f"asked for {place}")

    monkeypatch.setattr(hub, "snapshot", refuse)
    assert main(["embed", "--vocab", "a; b", "--model", "hf:me/mine@v1"]) == 2
    assert "error: asked for hf:me/mine@v1" in capsys.readouterr().err


def test_the_progress_is_told_in_megabytes():
    told = []

    class Shown:
        def task(self, title):
            return lambda done, total: told.append((title, done, total))

    wish = get._reporting(get_wish(), Shown())
    wish.report("downloading a.pth")(3_000_000, 9_000_000)
    assert told == [("downloading a.pth (MB)", 3, 9)]


def get_wish():
    from ovseg_jax.convert.getting import Wish

    return Wish()
