"""Panoptic quality (arXiv 1801.00868), with the crowd and void rules of panopticapi.

Plain numpy per image, with counts per class that can be added in any order, to the last digit the
same. The rules, in the order they apply:

1. A predicted and a true segment of one class match when their IoU exceeds 0.5. Predicted pixels
   on void ground truth do not enlarge the union; what things cover of stuff does, where the data
   tell of it, as the areas in ADE20K's published lists count it. Crowds never match.
2. True segments without a match are misses, except crowds.
3. Predicted segments without a match are false alarms, unless more than half of one lies on void
   or on a crowd of its class. With several crowds of a class in one image, the last one counts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.evaluation.counted import Counted, PhotoPart
from ovseg_jax.evaluation.evaluator import (
    Outcome,
    Table,
    at_size_of_score,
    class_groups,
    valid_images,
)
from ovseg_jax.evaluation.panoptic_truth import VOID, PanopticTruth
from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.inference.postprocess.geometry import as_logits
from ovseg_jax.inference.postprocess.panoptic import PanopticRules, panoptic_segments
from ovseg_jax.inputs.batches import Overlaps


@dataclasses.dataclass(frozen=True)
class PanopticCounts:
    """Additive per-class counts.

    Attributes:
        pair_classes: Class of each matched pair.
        pair_ious: IoU of each matched pair; kept one by one, so that their sum can be exact.
        false_alarms: Predicted segments without a match.
        misses: True segments without a match.
    """

    pair_classes: Int[np.ndarray, " p"]
    pair_ious: Float[np.ndarray, " p"]
    false_alarms: Int[np.ndarray, " k"]
    misses: Int[np.ndarray, " k"]

    @classmethod
    def zeros(cls, num_classes: int) -> PanopticCounts:
        """Counts of nothing."""
        return cls(np.zeros(0, np.int64), np.zeros(0), *np.zeros((2, num_classes), np.int64))

    def __add__(self, other: PanopticCounts) -> PanopticCounts:
        """Adds counts of other images or other hosts."""
        return PanopticCounts(
            np.concatenate([self.pair_classes, other.pair_classes]),
            np.concatenate([self.pair_ious, other.pair_ious]),
            self.false_alarms + other.false_alarms,
            self.misses + other.misses,
        )

    @property
    def matched(self) -> Int[np.ndarray, " k"]:
        """Matched pairs of each class."""
        return np.bincount(self.pair_classes, minlength=len(self.misses))

    @property
    def iou(self) -> Float[np.ndarray, " k"]:
        """Sum of the IoU of the matched pairs of each class, rounded once."""
        order = np.argsort(self.pair_classes, kind="stable")
        parts = np.split(self.pair_ious[order], np.cumsum(self.matched)[:-1])
        return np.array([math.fsum(part) for part in parts])


def count_image(
    predicted_ids: Int[np.ndarray, "H W"],
    predicted_classes: Mapping[int, int],
    truth: PanopticTruth,
    num_classes: int,
) -> PanopticCounts:
    """Counts one image.

    Args:
        predicted_ids: Segment of each pixel, 0 for void.
        predicted_classes: Class of each predicted segment id; ids without pixels are dropped.
        truth: True segments; one of its classes without pixels is a miss, as there.
        num_classes: Number of classes.

    Raises:
        OperandError: If a predicted pixel carries an id that has no class.
    """
    true_classes, crowds = truth.classes, truth.crowds
    overlap = _overlaps(truth.ids, predicted_ids)
    areas = dict(zip(*_unique(predicted_ids), strict=True))
    true_areas = dict(zip(*_unique(truth.ids), strict=True)) | truth.whole_areas
    if unknown := sorted(areas.keys() - predicted_classes.keys() - {VOID}):
        raise OperandError(f"predicted pixels carry the ids {unknown[:5]}, which have no class")
    false_alarms, misses = np.zeros((2, num_classes), np.int64)
    pairs: dict[int, int] = {}
    ious: list[float] = []
    for (true, predicted), pixels in overlap.items():
        if not _may_match(true, predicted, true_classes, predicted_classes, crowds):
            continue
        on_void = overlap.get((VOID, predicted), 0)
        iou = pixels / (areas[predicted] + true_areas[true] - pixels - on_void)
        if iou > 0.5:
            pairs[true] = predicted
            ious.append(iou)
    for true, label in true_classes.items():
        if true not in pairs and true not in crowds:
            misses[label] += 1
    last_crowd = {true_classes[c]: c for c in true_classes if c in crowds}
    for predicted in set(predicted_classes) & set(areas) - set(pairs.values()):
        label = predicted_classes[predicted]
        excused = _excused(overlap, predicted, last_crowd.get(label))
        false_alarms[label] += excused / areas[predicted] <= 0.5
    matched = np.array([true_classes[true] for true in pairs], np.int64)
    return PanopticCounts(matched, np.array(ious), false_alarms, misses)


def _excused(overlap: Mapping[tuple[int, int], int], predicted: int, crowd: int | None) -> int:
    """Pixels of a predicted segment on void and on the crowd of its class, if there is one."""
    on_crowd = 0 if crowd is None else overlap.get((crowd, predicted), 0)
    return overlap.get((VOID, predicted), 0) + on_crowd


def _may_match(true, predicted, true_classes, predicted_classes, crowds) -> bool:
    known = true in true_classes and predicted in predicted_classes
    return known and true not in crowds and true_classes[true] == predicted_classes[predicted]


def _unique(ids: np.ndarray) -> tuple[list[int], list[int]]:
    values, counts = np.unique(ids, return_counts=True)
    return values.tolist(), counts.tolist()


def _overlaps(true_ids: np.ndarray, predicted_ids: np.ndarray) -> dict[tuple[int, int], int]:
    """Pixels of every pair (true id, predicted id) that occurs."""
    span = int(predicted_ids.max(initial=0)) + 1
    values, counts = _unique(true_ids.astype(np.int64) * span + predicted_ids)
    return {divmod(value, span): count for value, count in zip(values, counts, strict=True)}


@dataclasses.dataclass(frozen=True)
class PanopticQuality:
    """Means over the classes that occur, as fractions."""

    quality: float
    segmentation: float
    recognition: float
    num_classes: int


def per_class(counts: PanopticCounts) -> Float[np.ndarray, "k 3"]:
    """PQ, SQ and RQ of each class; zeros for classes that occur nowhere."""
    halves = counts.matched + 0.5 * (counts.false_alarms + counts.misses)
    quality = counts.iou / np.maximum(halves, 0.5)
    segmentation = counts.iou / np.maximum(counts.matched, 1)
    recognition = counts.matched / np.maximum(halves, 0.5)
    return np.stack([quality, segmentation, recognition], axis=-1)


def average(counts: PanopticCounts, among: Bool[np.ndarray, " k"] | None = None) -> PanopticQuality:
    """Averages over the classes of `among` that have a true or predicted segment."""
    occurs = counts.matched + counts.false_alarms + counts.misses > 0
    chosen = occurs if among is None else occurs & among
    if not chosen.any():
        return PanopticQuality(0.0, 0.0, 0.0, 0)
    quality, segmentation, recognition = per_class(counts)[chosen].mean(0).tolist()
    return PanopticQuality(quality, segmentation, recognition, int(chosen.sum()))


def summarise(
    counts: PanopticCounts, groups: dict[str, Bool[np.ndarray, " k"]]
) -> dict[str, float]:
    """Returns the flat table: PQ, SQ, RQ over all classes and in each group."""
    table = {}
    for name, among in {"": None, **groups}.items():
        mean, suffix = average(counts, among), f"/{name}" if name else ""
        table |= {f"PQ{suffix}": mean.quality, f"SQ{suffix}": mean.segmentation}
        table |= {f"RQ{suffix}": mean.recognition}
    return table


def mean_of_sums(sums: Float[np.ndarray, "*n k 4"]) -> Float[np.ndarray, "*n"]:
    """PQ of sums of IoU, pairs, false alarms and misses of each class; NaN of nothing."""
    iou, matched, false_alarms, misses = np.moveaxis(sums, -1, 0)
    occurs = (matched + false_alarms + misses > 0).sum(-1)
    quality = iou / np.maximum(matched + 0.5 * (false_alarms + misses), 0.5)
    return np.where(occurs > 0, quality.sum(-1) / np.maximum(occurs, 1), np.nan)


def _part(
    row: int, counts: PanopticCounts, found: np.ndarray, classes: Mapping[int, int]
) -> PhotoPart:
    columns = (counts.iou, counts.matched, counts.false_alarms, counts.misses)
    sums = np.stack(columns, axis=-1).astype(np.float64)
    present = np.flatnonzero(sums[:, 1:].any(-1))
    table = np.full(max(classes, default=0) + 1, -1)
    table[list(classes)] = list(classes.values())
    score = float(mean_of_sums(sums))
    return PhotoPart(
        row, present, sums[present], score, lambda: table[found], lambda: (found, classes)
    )


@dataclasses.dataclass(frozen=True)
class PanopticEvaluator:
    """PQ of the panoptic task, at the size of the batch's images.

    True stuff segments of one class count as one, as panoptic ground truth defines them.

    Attributes:
        seen: Classes that share a name with the training vocabulary; None for no such groups.
        is_thing: Classes that are things.
        rules: Thresholds of the task.
    """

    seen: Bool[np.ndarray, " k"] | None
    is_thing: Bool[np.ndarray, " k"]
    rules: PanopticRules = PanopticRules()

    def init(self) -> PanopticCounts:
        """Counts of nothing."""
        return PanopticCounts.zeros(len(self.is_thing))

    def update(self, state: PanopticCounts, outcome: Outcome) -> PanopticCounts:
        """Adds the segments of one batch, image by image."""
        return state + self.count(outcome).state

    def count(self, outcome: Outcome) -> Counted[PanopticCounts]:
        """Counts one batch; of each photo the four counts of the classes that occur."""
        photos, state = [], self.init()
        for row in np.flatnonzero(np.asarray(valid_images(outcome.batch))).tolist():
            one = jax.tree.map(lambda leaf, i=row: leaf[i], outcome)
            truth = PanopticTruth.of(one.batch, self.is_thing, one.overlaps)
            counts, part = self._compared(*self._segments(one), truth, row)
            state = state + counts
            photos.append(part)
        return Counted(state, tuple(photos))

    def count_segments(
        self,
        found: Int[np.ndarray, "H W"],
        classes: Mapping[int, int],
        batch: Batch,
        overlaps: Overlaps | None = None,
    ) -> Counted[PanopticCounts]:
        """Counts one photo whose answer is known.

        Args:
            found: Segment of each pixel, 0 for none.
            classes: Class of each segment.
            batch: The photo with its truth, without the batch axis.
            overlaps: All of each true segment that others hide, without the batch axis.
        """
        truth = PanopticTruth.of(batch, self.is_thing, overlaps)
        counts, part = self._compared(found, classes, truth, 0)
        return Counted(counts, (part,))

    def result(self, state: PanopticCounts) -> Table:
        """PQ, SQ and RQ over all classes and per group."""
        return summarise(state, class_groups(self.seen, self.is_thing))

    def per_class(self, state: PanopticCounts) -> dict[str, Float[np.ndarray, " k"]]:
        """PQ, SQ and RQ of each class; NaN for classes that occur nowhere."""
        occurs = state.matched + state.false_alarms + state.misses > 0
        rows = np.where(occurs[:, None], per_class(state), np.nan)
        return dict(zip(("PQ", "SQ", "RQ"), rows.T, strict=True))

    def _segments(self, outcome: Outcome) -> tuple[np.ndarray, dict[int, int]]:
        """Segment of each pixel of one photo, and the class of each segment."""
        frame, (height, width) = at_size_of_score(outcome)
        slots = outcome.log_probs.shape[-1] - 1
        found = panoptic_segments(
            outcome.log_probs,
            as_logits(outcome.proposals.masks),
            frame,
            np.pad(self.is_thing, (0, slots - len(self.is_thing))),
            self.rules,
            valid=np.asarray(outcome.proposals.valid),
        )
        classes = {int(number): int(label) for number, _, label in found.info}
        return found.segment_ids[:height, :width], classes

    def _compared(
        self, found: np.ndarray, classes: Mapping[int, int], truth: PanopticTruth, row: int
    ) -> tuple[PanopticCounts, PhotoPart]:
        """Compares the answer for one photo with its truth."""
        counts = count_image(found, classes, truth.cut(*found.shape), len(self.is_thing))
        return counts, _part(row, counts, found, classes)
