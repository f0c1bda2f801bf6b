"""Boxes around masks, and non-maximum suppression against its definition."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.masks.boxes import boxes_of, distinct_boxes


def test_boxes_end_at_the_last_pixel_and_empty_masks_have_none():
    masks = np.zeros((3, 6, 8), bool)
    masks[0, 2:4, 1:7], masks[1, 5, 7] = True, True
    assert boxes_of(jnp.asarray(masks)).tolist() == [[1, 2, 6, 3], [7, 5, 7, 5], [0, 0, 0, 0]]


def plainly(boxes, scores, threshold):
    """Every box against all that were kept."""

    def iou(one, two):
        sides = np.clip(np.minimum(one[2:], two[2:]) - np.maximum(one[:2], two[:2]), 0, None)
        areas = sum(np.prod(box[2:] - box[:2]) for box in (one, two))
        return sides.prod() / (areas - sides.prod())

    kept = []
    for index in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[index], boxes[other]) <= threshold for other in kept):
            kept.append(index)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_worse_boxes_that_overlap_go(threshold):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (60, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 30, (60, 2))], axis=1)
    scores = rng.integers(0, 10, 60) / 10  # many are equal: their order counts
    found = distinct_boxes(boxes, scores, threshold)
    assert found.tolist() == plainly(boxes.astype(np.float32), scores, threshold)


def test_points_and_nothing():
    assert distinct_boxes(np.zeros((0, 4)), np.zeros(0), 0.5).tolist() == []
    assert distinct_boxes(np.zeros((2, 4)), np.array([1.0, 2.0]), 0.5).tolist() == [1, 0]
