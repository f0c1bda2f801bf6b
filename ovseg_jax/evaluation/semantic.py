"""Semantic segmentation scores from a confusion matrix.

Two conventions of mIoU are in use, and both are given by name because they differ by points:

* "absent_dropped" (detectron2 since 2023, FC-CLIP, MaskCLIP++): the mean is over classes with
  ground truth; a class that is predicted but absent does not count;
* "absent_counted" (older detectron2, MAFT+, Mask-Adapter on MAFT+, OVSeg): the same sum, divided
  by the number of classes that have ground truth or a prediction.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.evaluation.evaluator import (
    Outcome,
    Table,
    class_groups,
    harmonic_mean,
    truth_map,
)
from ovseg_jax.inference.postprocess.geometry import Frame, as_logits
from ovseg_jax.inference.postprocess.semantic import semantic_labels

Convention = Literal["absent_dropped", "absent_counted"]
CONVENTIONS: tuple[Convention, ...] = ("absent_dropped", "absent_counted")


def confusion(
    predicted: Int[np.ndarray, "*b"], truth: Int[np.ndarray, "*b"], num_classes: int
) -> Int[np.ndarray, "k1 k1"]:
    """Counts pixels by [predicted, true] class; the last index is "none".

    Args:
        predicted: Class of each pixel; anything outside 0 to `num_classes` - 1 is unlabelled.
        truth: Class of each pixel; anything outside is ignored ground truth.
        num_classes: Number of classes (K); the matrix has one more row and column.
    """
    flat = _fold(np.asarray(predicted), num_classes, np) * (num_classes + 1)
    flat = flat + _fold(np.asarray(truth), num_classes, np)
    counts = np.bincount(flat.ravel(), minlength=(num_classes + 1) ** 2)
    return counts.reshape(num_classes + 1, num_classes + 1).astype(np.int64)


def confusion_on_device(
    predicted: Int[Array, "*b"], truth: Int[Array, "*b"], num_classes: int
) -> Int[Array, "k1 k1"]:
    """`confusion` under jit, in int32: good for one batch, below 2**31 pixels."""
    flat = _fold(predicted, num_classes, jnp) * (num_classes + 1)
    flat = flat + _fold(truth, num_classes, jnp)
    counts = jnp.bincount(flat.ravel(), length=(num_classes + 1) ** 2)
    return counts.reshape(num_classes + 1, num_classes + 1)


def _fold(labels, num_classes: int, xp):
    labels = labels.astype(xp.int32 if xp is jnp else xp.int64)
    return xp.where((labels >= 0) & (labels < num_classes), labels, num_classes)


@dataclasses.dataclass(frozen=True)
class SemanticScores:
    """Scores of a confusion matrix, as fractions; NaN where a class has no ground truth.

    Attributes:
        iou: Intersection over union per class.
        accuracy: Recall per class.
        true_pixels: Ground-truth pixels per class.
        predicted_pixels: Predicted pixels per class, on labelled ground truth.
    """

    iou: Float[np.ndarray, " k"]
    accuracy: Float[np.ndarray, " k"]
    true_pixels: Float[np.ndarray, " k"]
    predicted_pixels: Float[np.ndarray, " k"]

    @classmethod
    def of(cls, matrix: Int[np.ndarray, "k1 k1"]) -> SemanticScores:
        """Scores a matrix of [predicted, true] counts; ignored ground truth counts nowhere."""
        hit = np.diag(matrix)[:-1].astype(np.float64)
        truth = matrix[:, :-1].sum(0).astype(np.float64)
        predicted = matrix[:-1, :-1].sum(1).astype(np.float64)
        union = np.maximum(truth + predicted - hit, 1)
        present = truth > 0
        return cls(
            iou=np.where(present, hit / union, np.nan),
            accuracy=np.where(present, hit / np.maximum(truth, 1), np.nan),
            true_pixels=truth,
            predicted_pixels=predicted,
        )

    def mean_iou(
        self, convention: Convention = "absent_dropped", among: Bool[np.ndarray, " k"] | None = None
    ) -> float:
        """Mean IoU over the classes of `among` (all by default); NaN when none has pixels."""
        chosen = np.ones(len(self.iou), bool) if among is None else among
        present = chosen & (self.true_pixels > 0)
        counted = present
        if convention == "absent_counted":
            counted = chosen & (self.true_pixels + self.predicted_pixels > 0)
        return float(self.iou[present].sum() / counted.sum()) if counted.any() else float("nan")

    def mean_accuracy(self, among: Bool[np.ndarray, " k"] | None = None) -> float:
        """Mean recall over the classes with ground truth."""
        chosen = np.ones(len(self.iou), bool) if among is None else among
        present = chosen & (self.true_pixels > 0)
        return float(self.accuracy[present].mean()) if present.any() else float("nan")

    def frequency_weighted_iou(self) -> float:
        """IoU weighted by ground-truth pixels."""
        total = self.true_pixels.sum()
        return float(np.nansum(self.iou * self.true_pixels) / total) if total else float("nan")

    def pixel_accuracy(self) -> float:
        """Fraction of labelled pixels that are right."""
        total = self.true_pixels.sum()
        hits = np.nansum(self.accuracy * self.true_pixels)
        return float(hits / total) if total else float("nan")


def summarise(
    scores: SemanticScores,
    groups: dict[str, Bool[np.ndarray, " k"]],
    convention: Convention = "absent_dropped",
) -> dict[str, float]:
    """Returns the flat table: overall numbers, then mIoU of each group of classes.

    Both conventions are always present; "mIoU" repeats the chosen one.
    """
    table = {"mIoU": scores.mean_iou(convention)}
    table |= {f"mIoU_{name}": scores.mean_iou(name) for name in CONVENTIONS}
    table |= {
        "fwIoU": scores.frequency_weighted_iou(),
        "mACC": scores.mean_accuracy(),
        "pACC": scores.pixel_accuracy(),
    }
    table |= {f"mIoU/{name}": scores.mean_iou(convention, g) for name, g in groups.items()}
    return table | harmonic_mean(table, "mIoU")


@dataclasses.dataclass(frozen=True)
class SemanticEvaluator:
    """mIoU and friends of the semantic task, at the size of the batch's images.

    Attributes:
        seen: Classes that share a name with the training vocabulary; None for no such groups.
        is_thing: Classes that are things.
        convention: Which mIoU is called "mIoU"; both are reported.
    """

    seen: Bool[np.ndarray, " k"] | None
    is_thing: Bool[np.ndarray, " k"]
    convention: Convention = "absent_dropped"

    def init(self) -> Int[np.ndarray, "k1 k1"]:
        """The empty confusion matrix, [predicted, true]."""
        return np.zeros((len(self.is_thing) + 1,) * 2, np.int64)

    def update(self, state: Int[np.ndarray, "k1 k1"], outcome: Outcome) -> np.ndarray:
        """Adds the pixels of one batch."""
        return state + np.asarray(
            _confusion_of(outcome.replace(overlaps=None), len(self.is_thing)), np.int64
        )

    def result(self, state: Int[np.ndarray, "k1 k1"]) -> Table:
        """Overall numbers, then mIoU of each group of classes."""
        groups = class_groups(self.seen, self.is_thing)
        return summarise(SemanticScores.of(state), groups, self.convention)


@functools.partial(jax.jit, static_argnums=1)
def _confusion_of(outcome: Outcome, num_classes: int) -> Int[Array, "k1 k1"]:
    frame = outcome.frame or Frame.plain(*outcome.batch.images.shape[1:3])
    truth = truth_map(outcome.batch)[:, : frame.output[0], : frame.output[1]]

    def label(item: tuple[Array, Array, Array]) -> Array:
        log_probs, masks, valid = item
        labels, scores = semantic_labels(log_probs, as_logits(masks), frame, valid=valid)
        return jnp.where(scores > 0, labels, -1)

    proposals = outcome.proposals
    items = (outcome.log_probs, proposals.masks, proposals.valid)
    return confusion_on_device(lax.map(label, items), truth, num_classes)
