"""From the segments of a record to the fixed number of slots that a batch has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.reading import Record


def worth_training(
    record: Record, data: DataConfig, class_filter: Sequence[int] | None
) -> Bool[np.ndarray, " n"]:
    """Tells which segments are trained on, from the picture before augmentation.

    No crowds, none below `data.min_area`, none of a class outside the filter.
    """
    kept = record.counted
    if data.min_area:
        least = np.float32(data.min_area) * np.float32(record.ids.size)
        kept = kept & (_areas(record.ids, len(record.categories)) >= least)
    if class_filter is not None:
        kept = kept & np.isin(record.categories, class_filter)
    return kept


def pack_segments(
    ids: Int[np.ndarray, "H W"],
    categories: Int[np.ndarray, " n"],
    kept: Bool[np.ndarray, " n"],
    slots: int,
    draw: Callable[[int], Float[np.ndarray, " n"]],
) -> tuple[Int[np.ndarray, "H W"], Int[np.ndarray, " slots"]]:
    """Renumbers the segments that are trained on and in view.

    Args:
        ids: In the training frame; 0 is void, i is segment i.
        categories: Of the segments.
        kept: Which of them count; the others become void.
        slots: If more remain, a random choice of so many stays.
        draw: Returns so many uniform random numbers.

    Returns:
        Ids from 1 to the number of segments, and labels, -1 in unused slots; int32.
    """
    chosen = np.flatnonzero((_areas(ids, len(categories)) > 0) & kept)
    if len(chosen) > slots:
        chosen = np.sort(chosen[np.argsort(draw(len(categories))[chosen], kind="stable")[:slots]])
    table = np.zeros(len(categories) + 1, np.int32)
    table[chosen + 1] = np.arange(1, len(chosen) + 1)
    labels = np.full(slots, -1, np.int32)
    labels[: len(chosen)] = categories[chosen]
    return table.take(ids), labels


def _areas(ids: Int[np.ndarray, "H W"], count: int) -> Int[np.ndarray, " n"]:
    """Counts the pixels of ids 1 to `count`."""
    return np.bincount(ids.ravel(), minlength=count + 1)[1 : count + 1]
