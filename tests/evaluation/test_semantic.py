"""mIoU and friends from a confusion matrix."""

import jax
import numpy as np
import pytest

from ovseg_jax.evaluation.semantic import (
    SemanticEvaluator,
    SemanticScores,
    confusion,
    confusion_on_device,
    summarise,
)


def test_ignored_truth_counts_nowhere_and_unlabelled_pixels_count_as_wrong():
    predicted = np.array([0, 1, 1, -1, 0])
    truth = np.array([0, 0, 1, 1, 255])
    matrix = confusion(predicted, truth, 2)
    np.testing.assert_array_equal(matrix, [[1, 0, 1], [1, 1, 0], [0, 1, 0]])
    scores = SemanticScores.of(matrix)
    np.testing.assert_allclose(scores.iou, [1 / 2, 1 / 3])
    np.testing.assert_allclose(scores.accuracy, [1 / 2, 1 / 2])
    assert scores.pixel_accuracy() == pytest.approx(1 / 2)


def test_the_device_counts_like_numpy():
    rng = np.random.default_rng(0)
    predicted, truth = rng.integers(-1, 6, (2, 3, 17, 19))
    on_device = jax.jit(confusion_on_device, static_argnums=2)(predicted, truth, 5)
    np.testing.assert_array_equal(on_device, confusion(predicted, truth, 5))


def test_a_class_predicted_but_absent_counts_in_one_convention_only():
    matrix = confusion(np.array([0, 0, 2]), np.array([0, 0, 0]), 4)
    scores = SemanticScores.of(matrix)
    assert scores.mean_iou("absent_dropped") == pytest.approx(2 / 3)
    assert scores.mean_iou("absent_counted") == pytest.approx(2 / 3 / 2)


def test_groups_are_means_over_their_own_classes():
    truth = np.repeat([0, 1, 2], 10)
    predicted = truth.copy()
    predicted[:5] = -1  # class 0: IoU one half
    seen = np.array([True, True, False])
    table = summarise(
        SemanticScores.of(confusion(predicted, truth, 3)), {"seen": seen, "unseen": ~seen}
    )
    assert table["mIoU/seen"] == pytest.approx(0.75)
    assert table["mIoU/unseen"] == pytest.approx(1.0)
    assert table["mIoU"] == pytest.approx(2.5 / 3)


def test_no_ground_truth_gives_nan_not_a_crash():
    scores = SemanticScores.of(np.zeros((4, 4), np.int64))
    assert np.isnan([scores.mean_iou(), scores.mean_accuracy(), scores.pixel_accuracy()]).all()


def test_classes_of_interest_are_scored_as_mess_does():
    """Its rule by counting pixels: an absent class that is predicted counts as 0."""
    rng = np.random.default_rng(5)
    truth, predicted = rng.integers(0, 3, (2, 40, 40))
    predicted[:5] = 3  # of interest, and nowhere in the truth
    truth[:, :4] = 255
    known = truth != 255
    matrix = confusion(predicted, np.where(known, truth, -1), 5)
    interest = np.array([False, True, True, True, True])
    evaluator = SemanticEvaluator(None, np.zeros(5, bool), "absent_counted", interest)
    table = evaluator.result(matrix)
    ious, recalls = [], []
    for label in (1, 2, 3):
        true, found = (truth == label) & known, (predicted == label) & known
        ious.append((true & found).sum() / (true | found).sum())
        if true.any():
            recalls.append((true & found).sum() / true.sum())
    np.testing.assert_allclose(table["mIoU/interest"], np.mean(ious), rtol=1e-12)
    np.testing.assert_allclose(table["mACC/interest"], np.mean(recalls), rtol=1e-12)
    assert "mIoU/interest" not in SemanticEvaluator(None, np.zeros(5, bool)).result(matrix)
