"""From a name to a model: downloaded from a server here, converted, kept, found by its name."""

import dataclasses
import hashlib
import json

import pytest
from safetensors.numpy import save

from ovseg_jax import api
from ovseg_jax.convert import getting
from ovseg_jax.convert.getting import LicenceError, Wish, get_model
from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.fetching import download, hub, table
from ovseg_jax.fetching.web import FetchError
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.loading.opening import resolve
from ovseg_jax.loading.weights import load_weights
from tests.convert import open_clip_files as files
from tests.fetching.server import Served, serving

CONTENT = save(files.random(files.toy_clip()))
NAME = "toy_clip"


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A published toy CLIP, and one of it that is not for commerce."""
    monkeypatch.setenv("OVSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(download, "PAUSES", (0.0,))
    with serving() as running:
        running.files["/clip.safetensors"] = Served(CONTENT)
        row = table.PublishedFile(
            name=NAME,
            group="Toys",
            title="a toy",
            source="a page",
            licence="MIT",
            kind="open_clip",
            address=running.url("/clip.safetensors"),
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            settings={"templates": "single", "inference": {"short_side": 64}},
        )
        held = dataclasses.replace(
            row, name="held_clip", licence="CC BY-NC 4.0", non_commercial=True, settings={}
        )
        lost = dataclasses.replace(row, name="lost_clip", address="")
        rows = {each.name: each for each in (row, held, lost)}
        monkeypatch.setattr(table, "published_files", lambda: rows)
        monkeypatch.setattr("ovseg_jax.loading.opening.published_files", lambda: rows)
        yield running


def test_a_name_becomes_a_model_that_loads_by_it(server):
    with pytest.raises(SegmenterError, match=f"`ovseg get {NAME}` downloads and converts it"):
        api.load_segmenter(NAME)
    folder = get_model(NAME)
    assert resolve(NAME) == folder
    config, _ = load_weights(folder)
    assert (config.templates, config.inference.short_side) == ("single", 64)
    assert config.clip.variant == "convnext_toy"
    assert api.load_segmenter(NAME).model.name.startswith(NAME)
    report = json.loads((folder / "report.json").read_text())
    assert report["published"]["address"] == server.url("/clip.safetensors")
    assert report["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert report["licence"] == "MIT, as its publisher states (a page)"


def test_the_second_call_does_nothing(server, monkeypatch):
    folder = get_model(NAME)
    server.files.clear()
    monkeypatch.setattr(getting, "read_conversion", None)
    assert get_model(NAME) == folder and len(server.requests) == 1


def test_another_precision_converts_the_kept_file_again(server):
    folder = get_model(NAME)
    half = get_model(NAME, Wish(dtype="float16"))
    assert half != folder and resolve(NAME) == half and len(server.requests) == 1
    size = (half / "model.safetensors").stat().st_size
    assert size < 0.6 * (folder / "model.safetensors").stat().st_size


def test_a_folder_of_ones_own_is_written_and_checked_before_the_download(server, tmp_path):
    folder = get_model(NAME, target=tmp_path / "mine")
    assert folder == tmp_path / "mine" and load_weights(folder)[0].templates == "single"
    assert get_model(NAME, target=folder) == folder, "our own, of the same file"
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("mine")
    server.requests.clear()
    with pytest.raises(OutputError, match="holds files that ovseg did not write"):
        get_model(NAME, target=tmp_path / "theirs")
    assert not server.requests


def test_a_licence_that_forbids_commerce_is_refused_before_the_download(server):
    with pytest.raises(LicenceError, match=r"CC BY-NC 4\.0, which forbids .* --accept-licence"):
        get_model("held_clip")
    assert not server.requests
    assert get_model("held_clip", Wish(accept_licence=True)).is_dir()


def test_a_copy_of_ones_own_is_held_to_the_stated_hash(server, tmp_path):
    copy = tmp_path / "copy.bin"
    copy.write_bytes(CONTENT)
    assert get_model(NAME, Wish(file=copy)) == resolve(NAME) and not server.requests
    assert get_model("lost_clip", Wish(file=copy)).is_dir(), "of a file without an address too"
    copy.write_bytes(CONTENT[:-4] + b"\0\0\0\0")
    with pytest.raises(FetchError, match="SHA-256"):
        get_model(NAME, Wish(file=copy))
    assert copy.exists()


def test_a_file_whose_address_nobody_states_says_where_it_is_listed(server):
    with pytest.raises(FetchError, match=r"no address of lost_clip is known; a page lists it"):
        get_model("lost_clip")


def test_a_file_that_does_not_fit_leaves_no_model(server):
    row = table.published_files()[NAME]
    other = save(files.random({"weight": (2, 2)}))
    server.files["/clip.safetensors"] = Served(other)
    table.published_files()[NAME] = dataclasses.replace(row, sha256="")
    with pytest.raises(ValueError):
        get_model(NAME)
    with pytest.raises(SegmenterError):
        resolve(NAME)


def test_the_published_file_can_be_let_go(server):
    folder = get_model(NAME, Wish(discard=True))
    assert folder.is_dir() and not list(folder.parents[2].rglob("clip.safetensors"))


def test_a_path_goes_before_a_name_and_a_near_name_is_told(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SegmenterError, match="'toy_clip' is a published file"):
        resolve("toy_clipp")
    (tmp_path / NAME).mkdir()
    assert str(resolve(NAME)) == NAME
    assert str(resolve("elsewhere/model")) == "elsewhere/model"


def test_a_place_on_the_hub_loads_by_its_name(server, monkeypatch):
    folder, asked = get_model(NAME), []
    monkeypatch.setattr(hub, "snapshot", lambda place: asked.append(place) or folder)
    assert resolve("hf:me/mine@v1") == folder and asked == ["hf:me/mine@v1"]
    assert api.load_segmenter("hf:me/mine@v1").model.name.startswith("hf:me/mine@v1")


def test_a_needed_clip_comes_with_it(server, monkeypatch):
    rows = table.published_files()
    rows["tuned"] = dataclasses.replace(
        rows[NAME], name="tuned", kind="maskclippp", clip=NAME, settings={}, tokenizer=""
    )
    seen = {}

    def read(kind, source, **options):
        seen.update(options, kind=kind)
        raise FetchError("enough")

    monkeypatch.setattr(getting, "read_conversion", read)
    with pytest.raises(FetchError, match="enough"):
        get_model("tuned")
    assert seen["kind"] == "maskclippp" and seen["clip"].endswith("clip.safetensors")
