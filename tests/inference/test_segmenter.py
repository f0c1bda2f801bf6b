"""The friendly front on a tiny random model: shapes, caching, limits and errors."""

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.inference.mask_makers.mask_maker import BUCKETS
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.inference.steps import compiled_steps
from ovseg_jax.ops.images.network_input import shrink_mask
from tests.inference.tiny_model import POOLING, opened, photo, rectangles

MASKS = rectangles(60, 80, (0, 20, 0, 20), (20, 40, 30, 80), (0, 60, 0, 80), (5, 5, 0, 0))


@pytest.fixture(scope="module")
def segmenter():
    compiled_steps.cache_clear()  # what is counted is not what others compiled
    segmenter = Segmenter(opened())
    segmenter.set_vocabulary("ball; cone; tent, camp", "none")
    return segmenter


def compiled(segmenter):
    steps = segmenter.engine.steps
    computations = steps.encode, steps.embed_text, steps.embed, steps.score
    return [each.jitted._cache_size() for each in computations]


def test_every_mask_gets_probabilities_that_sum_to_one(segmenter):
    found = segmenter.classify(photo(), MASKS)
    assert found.probabilities.shape == (4, 3 + 1)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
    np.testing.assert_array_equal(found.areas, [400, 1000, 4800, 0])


def test_a_mask_does_not_depend_on_its_company(segmenter):
    together = segmenter.classify(photo(), MASKS).probabilities
    alone = segmenter.classify(photo(), MASKS[1:2]).probabilities
    np.testing.assert_allclose(alone, together[1:2], atol=1e-5)


def test_another_vocabulary_of_similar_size_compiles_nothing(segmenter):
    segmenter.classify(photo(), MASKS)
    before = compiled(segmenter)
    segmenter.set_vocabulary("gem; kite, dragon; rug; book; wheel", "none")
    assert segmenter.classify(photo(seed=1), MASKS[:2]).probabilities.shape == (2, 6)
    assert compiled(segmenter) == before
    segmenter.set_vocabulary("ball; cone; tent, camp", "none")


def test_photos_of_similar_size_share_their_shapes(segmenter):
    segmenter.classify(photo(60, 80), MASKS)
    before = compiled(segmenter)
    for height, width in ((120, 160), (58, 80), (62, 79)):
        segmenter.classify(photo(height, width), rectangles(height, width, (0, 9, 0, 9)))
    assert compiled(segmenter) == before


def test_an_encoded_photo_gives_the_same_answer(segmenter):
    encoded = segmenter.encode(photo())
    assert segmenter.encode(encoded) is encoded
    first = segmenter.classify(encoded, MASKS).probabilities
    np.testing.assert_array_equal(first, segmenter.classify(photo(), MASKS).probabilities)


def test_more_masks_than_the_largest_bucket_are_classified_in_turns(segmenter):
    many = np.repeat(MASKS[:1], BUCKETS[-1] + 3, axis=0)
    many[-1] = MASKS[1]
    found = segmenter.classify(photo(), many).probabilities
    expected = segmenter.classify(photo(), MASKS[:2]).probabilities
    np.testing.assert_allclose(found[[0, -2, -1]], expected[[0, 0, 1]], atol=1e-5)


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
@pytest.mark.parametrize("masks", [[], np.zeros((0, 60, 80), bool)], ids=["list", "array"])
def test_no_masks_give_an_empty_answer(segmenter, tmp_path, task, masks):
    result = segmenter.segment(photo(), masks, task, with_maps=True)
    assert len(result.classification) == 0 and (result.prediction.labels == -1).all()
    assert len(result.save(tmp_path)) == 3


def test_every_form_of_a_photo_gives_the_same_answer(segmenter):
    pixels = photo()
    expected = segmenter.classify(pixels, MASKS).probabilities
    for same in (Image.fromarray(pixels), pixels / 255, np.dstack([pixels, pixels[..., 0] | 255])):
        np.testing.assert_array_equal(segmenter.classify(same, MASKS).probabilities, expected)


def test_every_form_of_masks_gives_the_same_answer(segmenter):
    expected = segmenter.classify(photo(), MASKS)
    for same in (list(MASKS), MASKS.astype(np.uint8) * 255, MASKS[..., None]):
        found = segmenter.segment(photo(), same).classification
        np.testing.assert_array_equal(found.probabilities, expected.probabilities)
        np.testing.assert_array_equal(found.areas, expected.areas)


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (700, 2)])
def test_photos_of_a_pixel_or_a_line_are_named(segmenter, size):
    result = segmenter.segment(photo(*size), np.ones((1, *size), bool))
    assert result.prediction.labels.shape == size and (result.prediction.labels >= 0).all()


def test_masks_of_another_size_name_both_sizes(segmenter):
    with pytest.raises(MasksError, match="masks are 79 x 60 .* photo, upright, is 80 x 60"):
        segmenter.classify(photo(), np.zeros((2, 60, 79), bool))


def test_words_come_first():
    with pytest.raises(SegmenterError, match="set_vocabulary"):
        Segmenter(opened(POOLING)).classify(photo(), MASKS)


def test_instances_need_things(segmenter):
    segmenter.set_vocabulary("grass; sky")
    with pytest.raises(SegmenterError, match="all words of the vocabulary are stuff"):
        segmenter.segment(photo(), MASKS, "instance")
    segmenter.set_vocabulary("ball; cone; tent, camp", "none")


def test_maps_come_on_request_and_only_from_methods_that_have_them(segmenter):
    found = segmenter.classify(photo(), MASKS, with_maps=True)
    assert found.maps.shape == (4, 4, 12, 12)
    assert found.extent == (72 / 96, 1.0)
    assert segmenter.classify(photo(), MASKS).maps is None
    pooling = Segmenter(opened(POOLING))
    pooling.set_vocabulary("ball", "none")
    with pytest.raises(SegmenterError, match="MaskPooling has no activation maps"):
        pooling.classify(photo(), MASKS, with_maps=True)


@pytest.mark.parametrize("count", [1, 5000])
def test_one_class_and_five_thousand(segmenter, count):
    segmenter.set_vocabulary("; ".join(f"word{n}" for n in range(count)), "none")
    result = segmenter.segment(photo(), MASKS)
    assert result.classification.probabilities.shape == (4, count + 1)
    assert (result.prediction.labels >= 0).all()
    segmenter.set_vocabulary("ball; cone; tent, camp", "none")


def test_small_masks_survive_shrinking():
    mask = np.zeros((1000, 1000), bool)
    mask[777, 333] = True
    small = shrink_mask(mask, (50, 50))
    assert small.any() and np.abs(np.argwhere(small).mean(0) - [38.9, 16.7]).max() < 1
    assert not shrink_mask(np.zeros((10, 10), bool), (5, 5)).any()
    assert shrink_mask(np.ones((10, 10), bool), (7, 3)).all()
    half = np.arange(100)[None] < np.full((100, 1), 50)
    np.testing.assert_array_equal(shrink_mask(half, (10, 10))[0], np.arange(10) < 5)
