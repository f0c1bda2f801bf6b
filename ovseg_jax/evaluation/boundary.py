"""Boundary IoU of the semantic task (arXiv 2103.16562): IoU of the pixels near outlines.

A pixel is near the outline of its class if a pixel of another class, or the end of the picture,
lies within `distance` of it, along rows, columns and diagonals; that is the paper's erosion by
3 x 3 pixels, repeated. Void is another class where outlines are found; its pixels count nowhere.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from ovseg_jax.evaluation.counted import Counted
from ovseg_jax.evaluation.evaluator import (
    Outcome,
    Table,
    class_groups,
    harmonic_mean,
    mean_of_known,
    truth_map,
)
from ovseg_jax.evaluation.semantic import SemanticEvaluator

DILATION = 0.02
"""The paper's distance, as a share of the picture's diagonal."""


def distance(height: int, width: int, dilation: float = DILATION) -> int:
    """Returns how far from an outline pixels count, at least 1."""
    return max(1, round(dilation * float(np.hypot(height, width))))


def near_outlines(labels: Int[np.ndarray, "H W"], reach: int) -> Bool[np.ndarray, "H W"]:
    """Marks the pixels whose surrounding (2 `reach` + 1) x (2 `reach` + 1) holds another label.

    Labels are at least -1; outside lies another one.
    """
    window = {"size": 2 * reach + 1, "mode": "constant", "cval": -2}
    same = ndimage.minimum_filter(labels, **window) == ndimage.maximum_filter(labels, **window)
    return ~same


def boundary_counts(
    predicted: Int[np.ndarray, "H W"], truth: Int[np.ndarray, "H W"], num_classes: int
) -> Int[np.ndarray, "3 k"]:
    """Counts one photo: boundary pixels of each class that agree, that are predicted and true.

    Args:
        predicted: Class of each pixel, -1 for none.
        truth: Class of each pixel, -1 for void.
        num_classes: Number of classes.
    """
    reach, known = distance(*truth.shape), truth >= 0
    found = np.where(near_outlines(predicted, reach) & known, predicted, -1)
    true = np.where(near_outlines(truth, reach), truth, -1)
    both = true[(true == found) & known]
    rows = (both, found, true)
    return np.stack([np.bincount(row[row >= 0], minlength=num_classes) for row in rows])


@dataclasses.dataclass(frozen=True)
class BoundaryEvaluator:
    """Mean boundary IoU at the size of the score, over the classes that the truth has.

    Attributes:
        semantic: Makes the label maps.
    """

    semantic: SemanticEvaluator

    def init(self) -> Int[np.ndarray, "3 k"]:
        """Counts of nothing: agreeing, predicted and true boundary pixels."""
        return np.zeros((3, len(self.semantic.is_thing)), np.int64)

    def update(self, state: Int[np.ndarray, "3 k"], outcome: Outcome) -> Int[np.ndarray, "3 k"]:
        """Adds one batch, photo by photo."""
        truth = np.asarray(truth_map(outcome.batch))
        for photo in self.semantic.count(outcome).photos:
            predicted = photo.labels()
            true = truth[photo.row, : predicted.shape[0], : predicted.shape[1]]
            state = state + boundary_counts(predicted, true, state.shape[1])
        return state

    def count_labels(
        self, labels: Int[np.ndarray, "H W"], truth: Int[np.ndarray, "H W"]
    ) -> Counted[np.ndarray]:
        """Counts one photo whose answer is known: the class of each pixel, and the true one."""
        return Counted(boundary_counts(labels, truth, len(self.semantic.is_thing)), ())

    def result(self, state: Int[np.ndarray, "3 k"]) -> Table:
        """Mean over all classes and over each group."""
        iou = self.per_class(state)["BIoU"]
        groups = class_groups(self.semantic.seen, self.semantic.is_thing)
        table = {"mBIoU": mean_of_known(iou)}
        table |= {f"mBIoU/{name}": mean_of_known(iou[members]) for name, members in groups.items()}
        return table | harmonic_mean(table, "mBIoU")

    def per_class(self, state: Int[np.ndarray, "3 k"]) -> dict[str, Float[np.ndarray, " k"]]:
        """Boundary IoU of each class; NaN for classes that the truth lacks."""
        both, found, true = state.astype(np.float64)
        return {"BIoU": np.where(true > 0, both / np.maximum(found + true - both, 1), np.nan)}
