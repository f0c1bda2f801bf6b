"""Boxes around masks, and which of them say the same."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Real


def boxes_of(masks: Bool[Array, "q H W"]) -> Int[Array, "q 4"]:
    """Returns left, top, right and bottom pixel of each mask; zeros for an empty one."""
    rows, columns = masks.any(2), masks.any(1)

    def ends(line: Bool[Array, "q n"]) -> tuple[Array, Array]:
        return line.argmax(1), line.shape[1] - 1 - line[:, ::-1].argmax(1)

    (top, bottom), (left, right) = ends(rows), ends(columns)
    boxes = jnp.stack([left, top, right, bottom], axis=1)
    return jnp.where(rows.any(1)[:, None], boxes, 0).astype(jnp.int32)


def distinct_boxes(
    boxes: Real[np.ndarray, "q 4"], scores: Real[np.ndarray, " q"], threshold: float
) -> Int[np.ndarray, " n"]:
    """Non-maximum suppression: drops boxes that overlap a better one.

    Matches `torchvision.ops.nms`, in which a box ends at its last pixel and equal scores keep
    their order.

    Args:
        boxes: Left, top, right, bottom.
        scores: How good each is.
        threshold: IoU above which the worse of two goes.

    Returns:
        Indices of those that stay, best first.
    """
    boxes = np.asarray(boxes, np.float32)
    order = np.argsort(-np.asarray(scores), kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        corner = np.maximum(boxes[best, :2], boxes[order, :2])
        sides = np.clip(np.minimum(boxes[best, 2:], boxes[order, 2:]) - corner, 0, None)
        overlap = sides[:, 0] * sides[:, 1]
        with np.errstate(invalid="ignore"):  # two boxes without area: their IoU is no number
            ious = overlap / (areas[best] + areas[order] - overlap)
        order = order[~(ious > threshold)]
    return np.array(kept, np.int64)
