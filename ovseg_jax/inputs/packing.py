"""From the segments of a record to the fixed number of slots that a batch has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.config import DataConfig
from ovseg_jax.foundation.typing import UNNAMED
from ovseg_jax.inputs.augment import Framed
from ovseg_jax.inputs.reading import Record


def take_names(record: Record, class_filter: Sequence[int] | None) -> Record:
    """Leaves the names of the classes in the filter; other segments are `UNNAMED`."""
    if class_filter is None:
        return record
    named = np.isin(record.categories, class_filter)
    return record._replace(categories=np.where(named, record.categories, UNNAMED))


def worth_training(record: Record, data: DataConfig) -> Bool[np.ndarray, " n"]:
    """Tells which segments are trained on, from the picture before augmentation.

    No crowds, none below `data.min_area`, and none without a name unless `data.others` says so.
    """
    kept = record.counted
    if data.min_area:
        least = np.float32(data.min_area) * np.float32(record.ids.size)
        kept = kept & (_areas(record.ids, len(record.categories)) >= least)
    if data.others == "void":
        kept = kept & (record.categories != UNNAMED)
    return kept


class Packed(NamedTuple):
    """Segments in their slots.

    Attributes:
        ids: From 1 to the number of segments, 0 for void.
        labels: Class of each segment or `UNNAMED`, -1 in unused slots.
    """

    ids: Int[np.ndarray, "H W"]
    labels: Int[np.ndarray, " slots"]


def pack_segments(
    record: Record,
    framed: Framed,
    kept: Bool[np.ndarray, " n"],
    slots: int,
    draw: Callable[[int], Float[np.ndarray, " n"]],
) -> Packed:
    """Renumbers the segments that are trained on and in view.

    Args:
        record: The id map at its own size, and the classes.
        framed: What the frame shows of it.
        kept: Which segments count; the others become void.
        slots: If more remain, a random choice of so many stays.
        draw: Returns so many uniform random numbers.
    """
    # Every row and column once: enlarged maps are counted and renumbered before they are enlarged.
    rows, row_of = np.unique(framed.rows, return_inverse=True)
    columns, column_of = np.unique(framed.columns, return_inverse=True)
    seen = record.ids.take(rows, 0).take(columns, 1)
    count = len(record.categories)
    chosen = np.flatnonzero((_areas(seen, count) > 0) & kept)
    if len(chosen) > slots:
        chosen = np.sort(chosen[np.argsort(draw(count)[chosen], kind="stable")[:slots]])
    table = np.zeros(count + 1, np.min_scalar_type(len(chosen)))  # small is quick to enlarge
    table[chosen + 1] = np.arange(1, len(chosen) + 1)
    ids = np.zeros(framed.image.shape[:2], np.int32)
    ids[: len(row_of), : len(column_of)] = table.take(seen).take(row_of, 0).take(column_of, 1)
    labels = np.full(slots, -1, np.int32)
    labels[: len(chosen)] = record.categories[chosen]
    return Packed(ids=ids, labels=labels)


def _areas(ids: Int[np.ndarray, "H W"], count: int) -> Int[np.ndarray, " n"]:
    """Counts the pixels of ids 1 to `count`."""
    return np.bincount(ids.ravel(), minlength=count + 1)[1 : count + 1]
