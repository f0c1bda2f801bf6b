"""`ovseg segment --dense`: names for pixels from the towers alone."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from ovseg_jax import api
from ovseg_jax.cli.main import main
from ovseg_jax.config import ClipConfig, MaskClipPlusPlusConfig
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.loading.weights import save_weights
from tests.inference import tiny_model

WORDS = ("--vocab", "ball; cone, pylon; rug", "--background", "none")


@pytest.fixture(scope="module")
def vit_weights(tmp_path_factory):
    """A tuned model with a PSM, of which only the towers are wanted."""
    config = dataclasses.replace(
        tiny_model.CONFIG,
        clip=ClipConfig(variant="vit_toy"),
        method=MaskClipPlusPlusConfig(depth=2, num_templates=1),
    )
    folder = tmp_path_factory.mktemp("models") / "vit"
    save_weights(folder, config, tiny_model.random_params(config))
    return folder


def segment(weights, photos, *options):
    out = photos.parent / "out"
    arguments = ["segment", str(photos / "photo1.png"), "--model", str(weights), "--out", str(out)]
    return main([*arguments, *WORDS, *options])


@pytest.mark.parametrize("way", [(), ("queries_keys",)])
def test_every_pixel_gets_a_word(vit_weights, photos, way, capsys):
    assert segment(vit_weights, photos, "--dense", *way) == 0, capsys.readouterr().err
    with Image.open(photos.parent / "out" / "photo1_labels.png") as picture:
        labels = np.asarray(picture)
    assert labels.shape == (60, 80) and labels.min() >= 1 and labels.max() <= 3
    record = json.loads((photos.parent / "out" / "photo1.json").read_text())
    assert record["masks"] == [] and record["segments"]


def test_a_convolutional_tower_is_read_as_it_is(weights, photos, capsys):
    assert segment(weights, photos, "--dense", "plain") == 0
    assert segment(weights, photos, "--dense") == 2
    assert "needs 'plain' with ConvNeXtTower" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--masks", "m.json"), "leave out --masks"),
        (("--task", "panoptic"), "--dense answers --task semantic only"),
        (("--save-maps",), "leave out --save-maps"),
    ],
)
def test_what_needs_masks_is_refused(vit_weights, photos, capsys, options, message):
    assert segment(vit_weights, photos, "--dense", *options) == 2
    assert message in capsys.readouterr().err


def test_from_python_masks_may_still_be_given(vit_weights, photos):
    segmenter = api.load_segmenter(vit_weights, dense="values")
    segmenter.set_vocabulary("ball; cone", "none")
    assert segmenter.makes_masks and segmenter.model.is_dense
    masks = tiny_model.rectangles(60, 80, (0, 30, 0, 40))
    result = segmenter.segment(photos / "photo1.png", masks, "panoptic")
    np.testing.assert_array_equal(result.prediction.labels >= 0, masks[0])
    with pytest.raises(SegmenterError, match="has no segments to tell apart"):
        segmenter.segment(photos / "photo1.png", task="panoptic")
