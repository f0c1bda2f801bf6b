"""The truth of one photo as panoptic quality sees it: stuff of one class is one segment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Int

from ovseg_jax.foundation.typing import Batch
from ovseg_jax.inputs.batches import Overlaps

VOID = 0
"""Id of pixels without a segment, in ground truth and prediction."""


@dataclasses.dataclass(frozen=True)
class PanopticTruth:
    """True segments of one photo.

    Attributes:
        ids: Segment of each pixel, 0 for void.
        classes: Class of each id that has pixels, or is stuff that things cover wholly.
        crowds: Ids that are crowds.
        whole_areas: Pixels of stuff that things cover, covered ones included.
    """

    ids: Int[np.ndarray, "H W"]
    classes: dict[int, int]
    crowds: frozenset[int] = frozenset()
    whole_areas: dict[int, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls, batch: Batch, is_thing: Bool[np.ndarray, " k"], overlaps: Overlaps | None = None
    ) -> PanopticTruth:
        """Reads the truth of one photo.

        Args:
            batch: One photo, without the batch axis.
            is_thing: Classes that are things.
            overlaps: All of each segment that others hide in part, without the batch axis.
        """
        labels = np.asarray(batch.labels)
        crowd = np.zeros(len(labels), bool) if batch.crowds is None else np.asarray(batch.crowds)
        numbers = _numbers(labels, crowd, is_thing)
        ids = numbers[np.asarray(batch.segment_ids)]
        slots = np.flatnonzero((labels >= 0) & ~crowd & ~is_thing[labels]) + 1
        stuff = {slot: int(numbers[slot]) for slot in slots.tolist()}
        whole = {} if overlaps is None else _whole_areas(overlaps, stuff, ids)
        present = sorted({*np.unique(ids).tolist(), *whole} - {VOID})
        return cls(
            ids=ids,
            classes={number: int(labels[number - 1]) for number in present},
            crowds=frozenset(number for number in present if crowd[number - 1]),
            whole_areas=whole,
        )

    def cut(self, height: int, width: int) -> PanopticTruth:
        """Returns the part that is picture."""
        return dataclasses.replace(self, ids=self.ids[:height, :width])


def _numbers(
    labels: Int[np.ndarray, " m"], crowd: Bool[np.ndarray, " m"], is_thing: Bool[np.ndarray, " k"]
) -> Int[np.ndarray, " m1"]:
    """The id under which each slot is counted; all stuff of a class under its first slot."""
    numbers = np.zeros(len(labels) + 1, np.int64)
    first: dict[int, int] = {}
    for slot, label in enumerate(labels.tolist(), start=1):
        if label >= 0:
            alone = is_thing[label] or crowd[slot - 1]
            numbers[slot] = slot if alone else first.setdefault(label, slot)
    return numbers


def _whole_areas(
    overlaps: Overlaps, stuff: Mapping[int, int], ids: Int[np.ndarray, "H W"]
) -> dict[int, int]:
    """Pixels of the stuff of `overlaps` by id; a class in several pieces is their union.

    Args:
        overlaps: All of each segment that others hide in part.
        stuff: Id of each slot that is stuff.
        ids: Segment of each pixel.
    """
    whole: dict[int, np.ndarray] = {}
    for slot, mask in zip(overlaps.ids.tolist(), overlaps.masks, strict=True):
        if number := stuff.get(slot):
            whole[number] = whole.get(number, ids == number) | mask
    return {number: int(mask.sum()) for number, mask in whole.items()}
