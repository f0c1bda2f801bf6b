"""Other words for the same masks of an encoded photo: the same numbers, and no tower runs again."""

import dataclasses

import numpy as np
import pytest
from tiny_model import CONFIG, GENERATOR, POOLING, opened, photo, rectangles

from ovseg_jax.config import (
    ClipConfig,
    FisaConfig,
    MaskClipPlusPlusConfig,
    OVSegConfig,
)
from ovseg_jax.inference.encoded_image import KEPT
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.inference.steps import compiled_steps

MASKS = rectangles(60, 80, (0, 20, 0, 20), (20, 40, 30, 80))
WORDS, OTHERS = "ball; cone; tent, camp", "gem; kite, dragon; rug; book; wheel"
VIT = dataclasses.replace(POOLING, clip=ClipConfig(variant="vit_toy"))
MODELS = {
    "mask_adapter": CONFIG,
    "mask_pooling": POOLING,
    "ovseg": dataclasses.replace(VIT, method=OVSegConfig(crop_size=32, prompt_depth=2)),
    "maskclippp": dataclasses.replace(
        VIT, method=MaskClipPlusPlusConfig(psm="linear", num_templates=1)
    ),
}


class Counter:
    """A compiled computation that counts its calls."""

    def __init__(self, computation):
        self.calls, self.computation = 0, computation

    def __call__(self, *arguments, **options):
        self.calls += 1
        return self.computation(*arguments, **options)


def segmenter_of(config):
    compiled_steps.cache_clear()  # what is counted is not what others compiled
    segmenter = Segmenter(opened(config))
    segmenter.set_vocabulary(WORDS, "none")
    segmenter.engine.steps.embed = Counter(segmenter.engine.steps.embed)
    return segmenter


@pytest.fixture(params=MODELS)
def segmenter(request):
    return segmenter_of(MODELS[request.param])


@pytest.fixture(scope="module")
def pooling():
    return segmenter_of(POOLING)


def test_other_words_embed_no_mask_again(segmenter):
    encoded, count = segmenter.encode(photo()), segmenter.engine.steps.embed
    first = segmenter.classify(encoded, MASKS).probabilities
    segmenter.set_vocabulary(OTHERS, "none")
    again = segmenter.classify(encoded, MASKS).probabilities
    assert count.calls == 1 and again.shape == (2, 6)
    np.testing.assert_array_equal(again, segmenter.classify(photo(), MASKS).probabilities)
    segmenter.set_vocabulary(WORDS, "none")
    np.testing.assert_array_equal(first, segmenter.classify(encoded, MASKS).probabilities)
    assert count.calls == 2


def test_masks_changed_in_place_are_other_masks(pooling):
    encoded, masks = pooling.encode(photo()), MASKS.copy()
    before = pooling.classify(encoded, masks).probabilities
    masks[0], masks[1] = MASKS[1], MASKS[0]
    after = pooling.classify(encoded, masks).probabilities
    np.testing.assert_allclose(after, before[::-1], atol=1e-5)
    assert len(encoded.regions) == 2


def test_maps_are_made_when_they_are_asked_for_later():
    adapter = segmenter_of(CONFIG)
    encoded = adapter.encode(photo())
    assert adapter.classify(encoded, MASKS).maps is None
    assert adapter.classify(encoded, MASKS, with_maps=True).maps.shape == (2, 4, 12, 12)


def test_only_the_latest_masks_are_kept(pooling):
    encoded, before = pooling.encode(photo()), pooling.engine.steps.embed.calls
    for top in range(KEPT + 1):
        pooling.classify(encoded, rectangles(60, 80, (top, top + 20, 0, 20)))
    assert len(encoded.regions) == KEPT
    pooling.classify(encoded, rectangles(60, 80, (1, 21, 0, 20)))
    assert pooling.engine.steps.embed.calls == before + KEPT + 1
    pooling.classify(encoded, rectangles(60, 80, (0, 20, 0, 20)))
    assert pooling.engine.steps.embed.calls == before + KEPT + 2


def test_masks_of_the_models_own_generator_are_known_again():
    own = segmenter_of(dataclasses.replace(POOLING, generator=GENERATOR))
    own.engine.steps.make_masks = Counter(own.engine.steps.make_masks)
    encoded = own.encode(photo())
    own.segment(encoded, task="panoptic")
    own.set_vocabulary(OTHERS, "none")
    again = own.segment(encoded, task="panoptic").classification
    assert own.engine.steps.embed.calls == own.engine.steps.make_masks.calls == 1
    fresh = own.segment(photo(), task="panoptic").classification
    np.testing.assert_array_equal(again.probabilities, fresh.probabilities)


def test_another_model_looks_at_a_photo_once():
    other = segmenter_of(dataclasses.replace(POOLING, generator=GENERATOR)).as_mask_maker()
    other.look = Counter(other.look)
    naming = Segmenter(opened(POOLING), mask_maker=other)
    naming.set_vocabulary(WORDS, "none")
    encoded = naming.encode(photo())
    first = naming.segment(encoded)
    naming.set_vocabulary(OTHERS, "none")
    again = naming.segment(encoded)
    assert other.look.calls == 1 and first.classification.words != again.classification.words
    fresh = naming.segment(photo())
    np.testing.assert_array_equal(again.prediction.labels, fresh.prediction.labels)


def test_words_that_enter_between_the_blocks_leave_refined_masks_as_they_are():
    fisa = segmenter_of(
        dataclasses.replace(VIT, method=FisaConfig(clip_size=0, rank=8, adapter_layers=1))
    )
    encoded = fisa.encode(photo())
    fisa.classify(encoded, MASKS)
    fisa.set_vocabulary(OTHERS, "none")
    again = fisa.classify(encoded, MASKS).probabilities
    np.testing.assert_array_equal(again, fisa.classify(photo(), MASKS).probabilities)
    assert fisa.engine.steps.embed.calls == 2  # once for each photo, whatever the words
    (kept,) = encoded.regions.values()
    assert kept.embeddings is None and kept.masks is None  # given masks stay as they were


def test_embeddings_of_masks_are_those_that_words_are_compared_with(pooling):
    encoded = pooling.encode(photo())
    pooling.set_vocabulary(WORDS, "none")
    found = pooling.classify(encoded, MASKS).probabilities
    calls = pooling.engine.steps.embed.calls
    vectors = pooling.embed_masks(encoded, MASKS)
    assert vectors.dtype == np.float32 and pooling.engine.steps.embed.calls == calls
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)
    text = pooling.embed(pooling.words.classes)
    rows = np.asarray(text.embeddings)[:, 0][: len(text.classes)]
    cosines = vectors @ rows.T
    logits = [cosines[:, np.asarray(text.classes) == k].max(1) * 100 for k in range(3)]
    expected = np.exp(np.stack(logits, 1) - np.max(logits, axis=0)[:, None])
    np.testing.assert_allclose(found[:, :3], expected / expected.sum(1, keepdims=True), atol=1e-4)
    assert pooling.embed_masks(encoded, MASKS[:0]).shape == (0, vectors.shape[1])


def test_a_method_whose_words_enter_between_the_blocks_embeds_no_masks_alone():
    fisa = Segmenter(
        opened(dataclasses.replace(VIT, method=FisaConfig(clip_size=0, rank=8, adapter_layers=1)))
    )
    with pytest.raises(SegmenterError, match="Fisa.* has no embeddings of masks alone"):
        fisa.embed_masks(photo(), MASKS)


def test_little_memory_is_kept(pooling, monkeypatch):
    encoded = pooling.encode(photo())
    pooling.classify(encoded, MASKS)
    (kept,) = encoded.regions.values()
    monkeypatch.setattr("ovseg_jax.inference.encoded_image.KEPT_BYTES", 2 * kept.embeddings.nbytes)
    for top in range(4):
        pooling.classify(encoded, rectangles(60, 80, (top, top + 20, 0, 20)))
    assert len(encoded.regions) == 2
