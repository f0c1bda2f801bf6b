"""A weights directory with a tiny random model, and photos with masks."""

import functools
import json

import numpy as np
import pytest
from PIL import Image

from ovseg_jax import api
from ovseg_jax.cli.main import main
from ovseg_jax.inference.output.save import encode_rle
from ovseg_jax.loading.weights import save_weights
from tests.inference.tiny_model import CONFIG, photo, random_params, rectangles

SPANS = (0, 30, 0, 30), (30, 60, 20, 80), (0, 20, 50, 80)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A weights directory."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_weights(folder, CONFIG, random_params())
    return folder


@pytest.fixture
def photos(tmp_path):
    """Two photos of 60 x 80, and one JSON file with the masks of both."""
    folder = tmp_path / "photos"
    folder.mkdir()
    masks = rectangles(60, 80, *SPANS)
    entries = [{"segmentation": encode_rle(mask)} for mask in masks]
    record = {}
    for number in (1, 2):
        Image.fromarray(photo(seed=number)).save(folder / f"photo{number}.png")
        record[f"photo{number}.png"] = {"width": 80, "height": 60, "proposals": entries}
    (tmp_path / "masks.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="session")
def load_once():
    """`load_segmenter` that loads and compiles each model once for all tests."""
    return functools.cache(api.load_segmenter)


@pytest.fixture
def ovseg(weights, photos, capsys, monkeypatch, load_once):
    """Runs a photo command with the tiny model; returns status, stdout, stderr."""

    monkeypatch.setattr(api, "load_segmenter", load_once)

    def run(command, source, *options, masks=photos.parent / "masks.json"):
        arguments = [command, str(photos / source), "--model", str(weights)]
        arguments += ["--out", str(photos.parent / "out")]
        arguments += ["--masks", str(masks)] if masks else []
        status = main([*arguments, *map(str, options)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def labels(photos):
    """Reads the label picture of a photo."""

    def read(stem):
        return np.asarray(Image.open(photos.parent / "out" / f"{stem}_labels.png"))

    return read
