"""`ovseg convert`: from a published file to a usable weights directory, or one clear error."""

import json

import pytest
from safetensors.numpy import save_file

from ovseg_jax.cli.main import main
from ovseg_jax.loading.weights import load_weights
from tests.convert.open_clip_files import random, toy_adapter, toy_clip


@pytest.mark.parametrize(
    ("kind", "shapes", "method"),
    [("open_clip", toy_clip, "mask_pooling"), ("mask_adapter", toy_adapter, "mask_adapter")],
)
def test_a_file_becomes_weights_with_a_report(tmp_path, capsys, kind, shapes, method):
    tensors = random(shapes())
    save_file(tensors, tmp_path / "a.safetensors")
    target = tmp_path / "weights"
    assert main(["convert", kind, str(tmp_path / "a.safetensors"), str(target)]) == 0
    out = capsys.readouterr().out
    assert f"{len(tensors)} tensors used, 0 left out" in out and f"{method} on convnext_toy" in out
    assert load_weights(target)[0].method.kind == method
    report = json.loads((target / "report.json").read_text())
    assert report["source"] == "a.safetensors" and report["licence"] and len(report["sha256"]) == 64


def test_every_problem_is_listed_and_nothing_is_written(tmp_path, capsys):
    tensors = random(toy_clip())
    del tensors["ln_final.weight"]
    tensors["surplus"] = tensors["ln_final.bias"]
    save_file(tensors, tmp_path / "a.safetensors")
    target = tmp_path / "weights"
    assert main(["convert", "open_clip", str(tmp_path / "a.safetensors"), str(target)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("ovseg: error: ") and "Traceback" not in err
    assert "surplus" in err and "final_norm" in err
    assert not target.exists()


def test_a_file_that_is_no_checkpoint_is_named(tmp_path, capsys):
    (tmp_path / "a.bin").write_bytes(b"<html>")
    assert main(["convert", "open_clip", str(tmp_path / "a.bin"), str(tmp_path / "w")]) == 2
    assert "a.bin" in capsys.readouterr().err
    assert main(["convert", "open_clip", str(tmp_path / "none"), str(tmp_path / "w")]) == 2
    assert "none" in capsys.readouterr().err


def test_a_dry_run_checks_and_writes_nothing(tmp_path, capsys):
    save_file(random(toy_clip("module.")), tmp_path / "a.safetensors")
    target = tmp_path / "weights"
    command = ["convert", "open_clip", str(tmp_path / "a.safetensors"), str(target)]
    assert main([*command, "--dry-run", "--licence", "my own"]) == 0
    out = capsys.readouterr().out
    assert "nothing written" in out and "licence: my own" in out and "names: module." in out
    assert not target.exists()


def test_a_dry_run_says_that_the_target_would_be_refused(tmp_path, capsys):
    save_file(random(toy_clip()), tmp_path / "model.safetensors")
    for target in (tmp_path, tmp_path / "model.safetensors"):
        command = ["convert", "open_clip", str(tmp_path / "model.safetensors"), str(target)]
        assert main([*command, "--dry-run"]) == 1
        out = capsys.readouterr().out
        assert "68 tensors used" in out and "the target would be refused: " in out


def test_a_target_that_would_be_refused_is_so_before_the_file_is_read(tmp_path, capsys):
    """The reported case: a clone whose checkpoint is turned into weights "here"."""
    for name in (".git/HEAD", "README.md", "model.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no checkpoint, which would be another message")
    for target in (tmp_path, tmp_path / "README.md", tmp_path / "model.safetensors"):
        command = ["convert", "open_clip", str(tmp_path / "model.safetensors"), str(target)]
        assert main([*command, "--overwrite"]) == 2
        assert "for the weights" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variant", "convnext_base"], "are not those of convnext_base"),
        (["--variant", "convnext_bas"], "Did you mean 'convnext_base'"),
        (["--tokenizer", "x.model"], "bring no SentencePiece"),
    ],
)
def test_options_that_do_not_fit_are_named(tmp_path, capsys, options, message):
    save_file(random(toy_clip()), tmp_path / "a.safetensors")
    command = ["convert", "open_clip", str(tmp_path / "a.safetensors"), str(tmp_path / "w")]
    assert main([*command, *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("layout", "file"), [("orbax", "params"), ("safetensors", "model.safetensors")]
)
def test_weights_come_in_two_layouts(tmp_path, layout, file):
    save_file(random(toy_clip()), tmp_path / "a.safetensors")
    target = tmp_path / "weights"
    command = ["convert", "open_clip", str(tmp_path / "a.safetensors"), str(target)]
    assert main([*command, "--layout", layout, "--dtype", "bfloat16"]) == 0
    assert {path.name for path in target.iterdir()} == {
        ".ovseg",
        "config.json",
        "report.json",
        file,
    }
    load_weights(target)
