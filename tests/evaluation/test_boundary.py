"""Boundary IoU: outlines by repeated erosion, void, and the score of 100 random pairs of maps."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.evaluation.boundary import (
    BoundaryEvaluator,
    boundary_counts,
    distance,
    near_outlines,
)
from ovseg_jax.evaluation.evaluator import Outcome
from ovseg_jax.evaluation.semantic import SemanticEvaluator
from ovseg_jax.foundation.typing import Batch, Proposals

CLASSES = 4


def eroded(mask, times):
    """The paper's way: 3 x 3 erosion of the mask with a border of zeros, some times."""
    for _ in range(times):
        padded = np.pad(mask, 1)
        height, width = mask.shape
        shifts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        mask = np.logical_and.reduce(shifts)
    return mask


def label_map(rng, size, values):
    """Blocks of labels with some single pixels changed."""
    coarse = rng.choice(values, (-(-size[0] // 9), -(-size[1] // 9)))
    labels = np.kron(coarse, np.ones((9, 9), int))[: size[0], : size[1]]
    return np.where(rng.random(size) < 0.003, rng.choice(values, size), labels)


def oracle(predicted, truth):
    """Class by class over whole pictures."""
    reach = max(1, round(0.02 * np.hypot(*truth.shape)))
    rows = np.zeros((3, CLASSES), int)
    for label in range(CLASSES):
        found, true = predicted == label, truth == label
        found = found & ~eroded(found, reach) & (truth >= 0)
        true = true & ~eroded(true, reach)
        rows[:, label] = (found & true).sum(), found.sum(), true.sum()
    return rows


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_counts_equal_those_of_repeated_erosion(first):
    for number in range(first, first + 25):
        rng = np.random.default_rng(number)
        size = tuple(rng.integers(20, 120, 2))
        truth = label_map(rng, size, range(-1, CLASSES))
        predicted = np.roll(truth, rng.integers(-3, 4, 2), (0, 1))
        predicted = np.where(rng.random() < 0.3, label_map(rng, size, range(CLASSES)), predicted)
        wanted = oracle(predicted, truth)
        np.testing.assert_array_equal(boundary_counts(predicted, truth, CLASSES), wanted)


def test_outlines_equal_those_of_opencv():
    """`cv2.erode`, as the paper's released function uses it."""
    cv2 = pytest.importorskip("cv2")
    for number in range(20):
        rng = np.random.default_rng(number)
        size = tuple(int(side) for side in rng.integers(20, 200, 2))
        labels, reach = label_map(rng, size, range(3)), distance(*size)
        for label in range(3):
            mask = (labels == label).astype(np.uint8)
            padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
            inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=reach)[1:-1, 1:-1]
            ours = near_outlines(labels, reach) & (labels == label)
            np.testing.assert_array_equal(ours, (mask - inner).astype(bool))


def test_a_batch_is_scored_without_its_padding_and_what_fills_it_up():
    rng = np.random.default_rng(0)
    truth = label_map(rng, (24, 30), range(CLASSES))
    answer = np.roll(truth, 1, 1)
    frame = np.zeros((32, 32), int)
    frame[:24, :30] = truth + 1
    masks = np.zeros((CLASSES, 32, 32), np.float32)
    for label in range(CLASSES):
        masks[label, :24, :30] = answer == label
    certain = jnp.log(jnp.clip(jnp.eye(CLASSES, CLASSES + 1), 1e-6))
    outcome = Outcome(
        batch=Batch(
            images=np.zeros((2, 32, 32, 3), np.uint8),
            sizes=np.array([[24, 30]] * 2),
            segment_ids=np.stack([frame] * 2),
            labels=np.stack([np.arange(CLASSES)] * 2),
            valid=np.array([True, False]),
        ),
        proposals=Proposals(masks=jnp.stack([masks > 0.5] * 2), valid=jnp.ones((2, CLASSES), bool)),
        log_probs=jnp.stack([certain] * 2),
        mask_labels=jnp.full((2, CLASSES), -1),
    )
    evaluator = BoundaryEvaluator(SemanticEvaluator(None, np.zeros(CLASSES, bool)))
    state = evaluator.update(evaluator.init(), outcome)
    both, found, true = wanted = oracle(answer, truth)
    np.testing.assert_array_equal(state, wanted)
    iou = both / (found + true - both)
    assert evaluator.result(state)["mBIoU"] == pytest.approx(iou.mean(), rel=1e-12)
    np.testing.assert_allclose(evaluator.per_class(state)["BIoU"], iou, rtol=1e-12)
