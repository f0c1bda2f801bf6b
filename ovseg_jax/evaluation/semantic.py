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
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.evaluation.counted import Counted, PhotoPart
from ovseg_jax.evaluation.evaluator import (
    Outcome,
    Table,
    class_groups,
    harmonic_mean,
    truth_map,
    valid_images,
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
        interest: Classes of interest, which MESS scores apart; None for no such group.
    """

    seen: Bool[np.ndarray, " k"] | None
    is_thing: Bool[np.ndarray, " k"]
    convention: Convention = "absent_dropped"
    interest: Bool[np.ndarray, " k"] | None = None

    def init(self) -> Int[np.ndarray, "k1 k1"]:
        """The empty confusion matrix, [predicted, true]."""
        return np.zeros((len(self.is_thing) + 1,) * 2, np.int64)

    def update(self, state: Int[np.ndarray, "k1 k1"], outcome: Outcome) -> np.ndarray:
        """Adds the pixels of one batch."""
        matrix, _, _ = _confusion_of(outcome.on_device, len(self.is_thing))
        return state + np.asarray(matrix, np.int64)

    def count(self, outcome: Outcome) -> Counted[np.ndarray]:
        """Counts one batch; of each photo the intersection, union and true pixels of classes."""
        matrix, labels, sums = _confusion_of(outcome.on_device, len(self.is_thing))
        rows, sizes = np.asarray(sums, np.int64), np.asarray(outcome.batch.sizes)
        photos = tuple(
            _part(row, rows[row], lambda row=row: _cut(labels[row], sizes[row]))
            for row in np.flatnonzero(np.asarray(valid_images(outcome.batch))).tolist()
        )
        return Counted(np.asarray(matrix, np.int64), photos)

    def count_labels(
        self, labels: Int[np.ndarray, "H W"], truth: Int[np.ndarray, "H W"]
    ) -> Counted[np.ndarray]:
        """Counts one photo whose answer is known: the class of each pixel, and the true one."""
        matrix = confusion(labels, truth, len(self.is_thing))
        known = matrix[:, :-1]
        sums = np.stack([np.diag(matrix)[:-1], known[:-1].sum(1), known.sum(0)])
        return Counted(matrix, (_part(0, sums, lambda: labels),))

    def result(self, state: Int[np.ndarray, "k1 k1"]) -> Table:
        """Overall numbers, then mIoU of each group of classes."""
        groups, scores = class_groups(self.seen, self.is_thing), SemanticScores.of(state)
        if self.interest is None:
            return summarise(scores, groups, self.convention)
        table = summarise(scores, groups | {"interest": self.interest}, self.convention)
        return table | {"mACC/interest": scores.mean_accuracy(self.interest)}

    def per_class(self, state: Int[np.ndarray, "k1 k1"]) -> dict[str, Float[np.ndarray, " k"]]:
        """IoU, accuracy and true pixels of each class."""
        scores = SemanticScores.of(state)
        return {"IoU": scores.iou, "accuracy": scores.accuracy, "pixels": scores.true_pixels}


def mean_of_sums(
    sums: Float[np.ndarray, "*n k 3"], convention: Convention = "absent_dropped"
) -> Float[np.ndarray, "*n"]:
    """MIoU of the intersection, union and true pixels of each class; NaN without true pixels."""
    hit, union, truth = np.moveaxis(sums, -1, 0)
    counted = (union if convention == "absent_counted" else truth) > 0
    total = np.where(truth > 0, hit / np.maximum(union, 1), 0.0).sum(-1)
    number = counted.sum(-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _part(row: int, sums: Int[np.ndarray, "3 k"], labels: Callable[[], np.ndarray]) -> PhotoPart:
    hit, predicted, truth = sums
    counts = np.stack([hit, predicted + truth - hit, truth], axis=-1).astype(np.float64)
    score = float(mean_of_sums(counts)) if truth.any() else float("nan")
    present = np.flatnonzero(counts[:, 1])
    return PhotoPart(row, present, counts[present], score, labels)


def _cut(labels: Array, size: Int[np.ndarray, " 2"]) -> Int[np.ndarray, "H W"]:
    """The part that is picture."""
    return np.asarray(labels)[: size[0], : size[1]]


@functools.partial(jax.jit, static_argnums=1)
def _confusion_of(
    outcome: Outcome, num_classes: int
) -> tuple[Int[Array, "k1 k1"], Int[Array, "b H W"], Int[Array, "b 3 k"]]:
    """The matrix of a batch; of each photo labels, and hit, predicted and true pixels."""
    frame = outcome.frame or Frame.plain(*outcome.batch.images.shape[1:3])
    truth = truth_map(outcome.batch)[:, : frame.output[0], : frame.output[1]]

    def add(total: Array, item: tuple[Array, ...]) -> tuple[Array, tuple[Array, Array]]:
        log_probs, masks, valid, true = item
        labels, scores = semantic_labels(log_probs, as_logits(masks), frame, valid=valid)
        labels = jnp.where(scores > 0, labels, -1)
        matrix = confusion_on_device(labels, true, num_classes)
        known = matrix[:, :-1]
        sums = jnp.stack([jnp.diag(matrix)[:-1], known[:-1].sum(1), known.sum(0)])
        return total + matrix, (labels, sums)

    proposals = outcome.proposals
    items = (outcome.log_probs, proposals.masks, proposals.valid, truth)
    empty = jnp.zeros((num_classes + 1,) * 2, jnp.int32)
    matrix, (labels, sums) = lax.scan(add, empty, items)
    return matrix, labels, sums
