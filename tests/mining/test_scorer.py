"""CLIP's opinion: the same in any portion and frame, and that of the mask cropping method."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from data.toy_world.splits import draw_example
from ovseg_jax.config import MaskCroppingConfig
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.mining import scorer as module
from ovseg_jax.mining.scorer import CropScorer
from ovseg_jax.ops.images.network_input import shrink_mask
from ovseg_jax.ops.images.pillow import resize_image
from tests.mining.conftest import CLIP


@pytest.fixture(scope="module")
def model():
    """The toy CLIP as the method that crops masks."""
    from ovseg_jax import api
    from ovseg_jax.loading import build

    config, params = load_weights(CLIP)
    method = build.method(dataclasses.replace(config, method=MaskCroppingConfig(crop_size=64)))
    opened = dataclasses.replace(api.load_segmenter(CLIP).model, method=method, params=params)
    return Segmenter(opened)


@pytest.fixture(scope="module")
def scene():
    drawn = draw_example("validation", 0)
    ids = np.arange(1, len(drawn.categories) + 1)
    return drawn.image, drawn.segment_ids[None] == ids[:, None, None]


def test_scores_are_those_of_the_method_and_of_any_portion(model, scene):
    pixels, masks = scene
    score = CropScorer(model.engine, crop_size=64)
    nouns = ["ball", "grass", "sky", "crab"]
    cosines = score(pixels, np.concatenate([masks] * 3), nouns)
    assert cosines.shape == (3 * len(masks), 4)
    one_by_one = np.concatenate([score(pixels, mask[None], nouns) for mask in masks])
    np.testing.assert_allclose(cosines, np.concatenate([one_by_one] * 3), atol=2e-6)
    model.set_vocabulary("; ".join(nouns), "none")
    engine = model.engine
    probabilities, _ = engine.score(
        engine.encode(pixels), masks, model.embed(model.words.all), False
    )
    logits = cosines[: len(masks)] * np.exp(engine.params["clip"]["logit_scale"])
    expected = np.exp(logits - logits.max(1, keepdims=True))
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities[:, :4], expected, atol=2e-4)


def test_nouns_are_embedded_once(model, monkeypatch):
    score = CropScorer(model.engine, crop_size=64)
    rows = score.embed_nouns(["ball", "crab"])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    monkeypatch.setattr(module, "embed_names", None)
    np.testing.assert_array_equal(score.embed_nouns(["crab", "ball", "crab"]), rows[[1, 0, 1]])


def test_large_photos_are_scored_smaller(model, scene, monkeypatch):
    pixels, masks = scene
    large = np.repeat(np.repeat(pixels, 2, 0), 2, 1)
    larger = np.repeat(np.repeat(masks, 2, 1), 2, 2)
    monkeypatch.setattr(module, "LONGEST_SIDE", 128)
    score = CropScorer(model.engine, crop_size=64)
    assert module._scored_size((256, 256)) == (128, 128)
    assert module._scored_size((50, 20)) == (50, 20)
    small = resize_image(large, (128, 128)), np.stack([shrink_mask(m, (128, 128)) for m in larger])
    np.testing.assert_array_equal(score.embed_masks(large, larger), score.embed_masks(*small))
    empty = score.embed_masks(pixels, np.zeros_like(masks[:1]))
    np.testing.assert_array_equal(empty, np.zeros_like(jnp.asarray(empty)))
