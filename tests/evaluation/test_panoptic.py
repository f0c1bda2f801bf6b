"""Panoptic quality: matching, crowds and void, on examples small enough to check by hand."""

import numpy as np
import pytest

from ovseg_jax.evaluation.panoptic import PanopticCounts, average, count_image, per_class


def row(*spans):
    """One row of pixels: (id, length) pairs."""
    return np.concatenate([np.full(length, number) for number, length in spans])[None]


def counts_of(predicted, predicted_classes, true, true_classes, **options):
    return count_image(predicted, predicted_classes, true, true_classes, 3, **options)


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
