"""From named hard masks to each task's answer: what is painted, and what stays unlabelled."""

import numpy as np
import pytest

from ovseg_jax.config import InferenceConfig
from ovseg_jax.inference.postprocess.from_hard_masks import predict
from ovseg_jax.inference.results import Classification, SegmenterError, Settings
from ovseg_jax.inference.words import GENERIC, Words, choose_words
from ovseg_jax.vocabulary.classes import load_preset, parse_vocabulary
from tests.inference.tiny_model import rectangles

CAT_DOG_WALL = Words(parse_vocabulary("cat; dog"), parse_vocabulary("wall").classes)
THINGS = np.array([True, True, False])


def classified(*rows, words=CAT_DOG_WALL, masks):
    """Probabilities of cat, dog, wall (background) and "none of these" per mask."""
    return Classification(words, np.array(rows, np.float32), masks.sum((1, 2)))


def answer(rows, masks, task, min_score=0.0, things=THINGS):
    settings = Settings.of(InferenceConfig(overlap_threshold=0.5), task, min_score)
    return predict(classified(*rows, masks=masks), masks, things, settings)


CAT, DOG, WALL = (0.9, 0.05, 0.05, 0), (0.1, 0.8, 0.1, 0), (0.1, 0.2, 0.7, 0)
HALVES = rectangles(4, 4, (0, 2, 0, 4), (2, 4, 0, 4))


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_masks_come_back_exactly(task):
    found = answer([CAT, DOG], HALVES, task)
    np.testing.assert_array_equal(found.labels[:, 0], [0, 0, 1, 1])
    chosen = [int(np.flatnonzero(found.classes == label)[0]) for label in (0, 1)]
    np.testing.assert_array_equal(found.masks[chosen], HALVES)
    np.testing.assert_allclose(found.scores[chosen], [0.9, 0.8], rtol=1e-6)


@pytest.mark.parametrize("task", ["semantic", "panoptic"])
def test_background_words_win_pixels_and_leave_them_unlabelled(task):
    found = answer([CAT, WALL], HALVES, task)
    np.testing.assert_array_equal(found.labels[:, 0], [0, 0, -1, -1])
    np.testing.assert_array_equal(found.classes, [0])
    np.testing.assert_array_equal(found.segment_ids[:, 0], [1, 1, 0, 0])


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_low_scores_are_left_unlabelled(task):
    found = answer([CAT, DOG], HALVES, task, min_score=0.85)
    np.testing.assert_array_equal(found.labels[:, 0], [0, 0, -1, -1])
    np.testing.assert_array_equal(found.classes, [0])


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_no_masks_give_an_empty_answer(task):
    masks = np.zeros((0, 4, 5), bool)
    settings = Settings.of(InferenceConfig(), task, None)
    empty = Classification(CAT_DOG_WALL, np.zeros((0, 4), np.float32), np.zeros(0, int))
    found = predict(empty, masks, THINGS, settings)
    assert (found.labels == -1).all() and not found.segment_ids.any()
    assert found.masks.shape == (0, 4, 5) and len(found.scores) == 0


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_empty_and_full_masks_are_handled(task):
    masks = rectangles(4, 4, (1, 1, 1, 1), (0, 4, 0, 4))
    found = answer([CAT, DOG], masks, task)
    assert (found.labels == 1).all()
    assert 0 not in found.classes[found.masks.any((1, 2)) == 0]


def test_semantic_sums_the_masks_over_a_pixel():
    masks = rectangles(1, 4, (0, 1, 0, 4), (0, 1, 0, 2), (0, 1, 0, 2))
    found = answer([(0.6, 0.4, 0, 0), (0.3, 0.5, 0, 0.2), (0.3, 0.5, 0, 0.2)], masks, "semantic")
    np.testing.assert_array_equal(found.labels, [[1, 1, 0, 0]])


def test_panoptic_keeps_things_apart_and_merges_stuff():
    found = answer([CAT, CAT], HALVES, "panoptic")
    np.testing.assert_array_equal(found.segment_ids[:, 0], [1, 1, 2, 2])
    stuff = answer([CAT, CAT], HALVES, "panoptic", things=np.zeros(3, bool))
    np.testing.assert_array_equal(stuff.segment_ids[:, 0], [1, 1, 1, 1])


def test_panoptic_numbers_have_no_gap_after_background_is_taken_out():
    masks = rectangles(3, 1, (0, 1, 0, 1), (1, 2, 0, 1), (2, 3, 0, 1))
    found = answer([CAT, WALL, DOG], masks, "panoptic")
    np.testing.assert_array_equal(found.segment_ids[:, 0], [1, 0, 2])
    np.testing.assert_array_equal(found.classes, [0, 1])
    np.testing.assert_array_equal(found.masks.sum((1, 2)), [1, 1])


def test_instances_may_overlap_and_the_surest_lies_on_top():
    masks = rectangles(4, 1, (0, 3, 0, 1), (1, 4, 0, 1))
    found = answer([DOG, CAT], masks, "instance", min_score=0.5)
    np.testing.assert_array_equal(found.classes, [0, 1])
    np.testing.assert_array_equal(found.masks, masks[::-1])
    np.testing.assert_array_equal(found.labels[:, 0], [1, 0, 0, 0])


def test_an_unknown_task_names_the_known_ones():
    with pytest.raises(SegmenterError, match="semantic, panoptic, instance"):
        Settings.of(InferenceConfig(), "depth", None)


def test_a_mask_won_by_background_has_no_class_but_a_name():
    found = classified(CAT, WALL, masks=HALVES)
    np.testing.assert_array_equal(found.classes, [0, -1])
    assert [name for name, _ in found.top(1, 2)] == ["wall", "dog"]


# ---- which words compete ---------------------------------------------------------------------


def test_few_words_get_the_stuff_of_the_training_vocabulary_as_background():
    train = load_preset("toy_world_seen32")
    words = choose_words(parse_vocabulary("cat; sky, heaven"), None, train)
    assert words.is_default
    assert "grass" in words.background_names and "sky" not in words.background_names
    assert "ball" not in words.background_names
    assert words.all.names[:2] == ("cat", "sky")
    assert choose_words(parse_vocabulary("cat"), None, None).background_names == GENERIC


def test_long_vocabularies_and_the_word_none_get_no_background():
    many = parse_vocabulary("; ".join(f"thing {n}" for n in range(10)))
    assert not choose_words(many, None, None).background
    assert not choose_words(parse_vocabulary("cat"), None, None, wanted=False).background


def test_given_background_replaces_the_default():
    words = choose_words(parse_vocabulary("cat"), parse_vocabulary("rug; cat"), None)
    assert words.background_names == ("rug",) and not words.is_default


def test_a_word_is_stuff_if_the_training_vocabulary_says_so():
    train = load_preset("coco_panoptic133")
    words = choose_words(parse_vocabulary("sky; cat"), parse_vocabulary("rug"), train)
    np.testing.assert_array_equal(words.things(train), [False, True, False])
    np.testing.assert_array_equal(words.things(None), [True, True, False])
