"""Panoptic quality: matching, crowds and void, on examples small enough to check by hand."""

import numpy as np
import pytest

from ovseg_jax.evaluation.panoptic import PanopticCounts, average, count_image, per_class
from ovseg_jax.evaluation.panoptic_truth import PanopticTruth
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.inputs.batches import Overlaps


def row(*spans):
    """One row of pixels: (id, length) pairs."""
    return np.concatenate([np.full(length, number) for number, length in spans])[None]


def counts_of(predicted, predicted_classes, true, true_classes, crowds=frozenset(), **areas):
    truth = PanopticTruth(true, true_classes, crowds, **areas)
    return count_image(predicted, predicted_classes, truth, 3)


def test_a_pair_matches_above_one_half_only():
    true = row((1, 10), (0, 10))
    above = counts_of(row((7, 6), (0, 14)), {7: 2}, true, {1: 2})
    assert (above.matched[2], above.false_alarms[2], above.misses[2]) == (1, 0, 0)
    assert above.iou[2] == pytest.approx(0.6)
    half = counts_of(row((7, 5), (0, 15)), {7: 2}, true, {1: 2})
    assert (half.matched[2], half.false_alarms[2], half.misses[2]) == (0, 1, 1)


def test_another_class_never_matches():
    same = row((1, 10))
    counts = counts_of(same, {1: 0}, same, {1: 1})
    np.testing.assert_array_equal(counts.matched, 0)
    np.testing.assert_array_equal(counts.false_alarms, [1, 0, 0])
    np.testing.assert_array_equal(counts.misses, [0, 1, 0])


def test_void_truth_does_not_enlarge_the_union():
    counts = counts_of(row((5, 20)), {5: 0}, row((1, 10), (0, 10)), {1: 0})
    assert counts.iou[0] == pytest.approx(1.0)


def test_a_prediction_mostly_on_void_is_no_false_alarm():
    true = row((1, 10), (0, 10))
    on_void = counts_of(row((0, 8), (5, 12)), {5: 2}, true, {1: 0})
    assert on_void.false_alarms.sum() == 0
    beside = counts_of(row((0, 4), (5, 12), (0, 4)), {5: 2}, true, {1: 0})
    assert beside.false_alarms[2] == 1


def test_crowds_neither_match_nor_miss_and_excuse_their_class():
    true = row((1, 10), (2, 10))
    on_crowd = row((0, 10), (5, 10))
    excused = counts_of(on_crowd, {5: 0}, true, {1: 1, 2: 0}, crowds=frozenset({2}))
    np.testing.assert_array_equal(excused.matched + excused.false_alarms, 0)
    np.testing.assert_array_equal(excused.misses, [0, 1, 0])
    other = counts_of(on_crowd, {5: 2}, true, {1: 1, 2: 0}, crowds=frozenset({2}))
    assert other.false_alarms[2] == 1


def test_counts_of_images_add_up():
    same = row((1, 4), (2, 4))
    one = counts_of(same, {1: 0, 2: 1}, same, {1: 0, 2: 1})
    two = one + one + PanopticCounts.zeros(3)
    np.testing.assert_array_equal(two.matched, [2, 2, 0])
    np.testing.assert_allclose(per_class(two)[:2], 1.0)
    assert average(two).num_classes == 2 and average(two).quality == pytest.approx(1.0)


def test_quality_is_segmentation_times_recognition():
    true = row((1, 10), (2, 10), (0, 5))
    counts = counts_of(row((1, 8), (0, 2), (3, 3), (0, 12)), {1: 0, 3: 0}, true, {1: 0, 2: 0})
    quality, segmentation, recognition = per_class(counts)[0]
    assert (segmentation, recognition) == (pytest.approx(0.8), pytest.approx(1 / 2))
    assert quality == pytest.approx(segmentation * recognition)


def test_pixels_without_a_class_are_an_error():
    with pytest.raises(ValueError, match=r"ids \[9\]"):
        counts_of(row((9, 4)), {}, row((1, 4)), {1: 0})


def test_what_things_cover_of_stuff_counts_in_the_union_as_in_the_published_areas():
    """By hand: 12 of 16 pixels of a floor are visible, and found: IoU 12 / 16."""
    ids = row((1, 12), (2, 4))
    seen = counts_of(ids, {1: 2, 2: 0}, ids, {1: 2, 2: 0})
    whole = counts_of(ids, {1: 2, 2: 0}, ids, {1: 2, 2: 0}, whole_areas={1: 16})
    np.testing.assert_allclose(seen.iou, [1, 0, 1])
    np.testing.assert_allclose(whole.iou, [1, 0, 0.75])


def test_pieces_of_stuff_are_one_segment_with_the_union_of_what_is_covered():
    """A chair over two pieces of floor, part of another chair (no stuff), a rug wholly hidden."""
    batch = Batch(
        images=np.zeros((1, 10, 3), np.uint8),
        sizes=np.array([1, 10]),
        segment_ids=row((1, 3), (2, 3), (3, 2), (4, 1), (0, 1)),
        labels=np.array([2, 0, 2, 0, 3, -1]),
    )
    masks = np.zeros((4, 1, 10), bool)
    masks[0, 0, :5] = True  # floor, piece 1, under the chair
    masks[1, 0, 5:8] = True  # floor, piece 3
    masks[2, 0, 7:9] = True  # the second chair
    masks[3, 0, 3:5] = True  # the rug
    overlaps = Overlaps(ids=np.array([1, 3, 4, 5]), masks=masks)
    truth = PanopticTruth.of(batch, np.array([True, True, False, False]), overlaps)
    np.testing.assert_array_equal(truth.ids, row((1, 3), (2, 3), (1, 2), (4, 1), (0, 1)))
    assert truth.classes == {1: 2, 2: 0, 4: 0, 5: 3}
    assert truth.whole_areas == {1: 8, 5: 2}
    counts = count_image(truth.ids, {1: 2, 2: 0, 4: 0}, truth, 4)
    np.testing.assert_array_equal(counts.misses, [0, 0, 0, 1])
