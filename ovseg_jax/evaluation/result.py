"""What an evaluation finds, and what is kept of its photos while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.evaluation.counted import Counted, PhotoPart
from ovseg_jax.evaluation.evaluator import Outcome, Pass, Table, class_groups
from ovseg_jax.evaluation.photo_sums import PhotoSums, SparseSums
from ovseg_jax.evaluation.protocol import ProtocolCard
from ovseg_jax.evaluation.worst import Worst, WorstPhoto
from ovseg_jax.inputs.batches import View
from ovseg_jax.vocabulary.classes import ClassList

WORST_BY = {"semantic": "mIoU", "panoptic": "PQ"}
"""Evaluators whose score of a photo says how bad it went; the first that runs decides."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """All that an evaluation found.

    Attributes:
        table: Scores as fractions by "metric/name".
        card: The protocol behind them.
        names: Name of each class, no two equal.
        rows: Numbers of each class by "metric/name"; NaN for what cannot be said.
        groups: Which classes form the groups of the table.
        colors: Display colour of each class.
        confusion: Pixels by [predicted, true] class, "none" last; None without semantic scores.
        photos: Sums of each photo; None where they were not kept.
        worst: The worst photos, the worst first.
        worst_by: What they were judged by, such as "mIoU".
    """

    table: Table
    card: ProtocolCard
    names: tuple[str, ...] = ()
    rows: Mapping[str, Float[np.ndarray, " k"]] = dataclasses.field(default_factory=dict)
    groups: Mapping[str, Bool[np.ndarray, " k"]] = dataclasses.field(default_factory=dict)
    colors: Int[np.ndarray, "k 3"] | None = None
    confusion: Int[np.ndarray, "k1 k1"] | None = None
    photos: PhotoSums | None = None
    worst: tuple[WorstPhoto, ...] = ()
    worst_by: str = ""

    def classes(self) -> dict[str, dict[str, float]]:
        """The numbers of each class, by its name."""
        return {
            name: {metric: float(row[index]) for metric, row in self.rows.items()}
            for index, name in enumerate(self.names)
        }


class PhotoRecord:
    """Keeps the sums of all photos, which are small, and the worst photos."""

    def __init__(self) -> None:
        """Keeps nothing yet."""
        self._names: list[str] = []
        self._parts: dict[str, list[PhotoPart]] = {}
        self._worst = Worst()
        self.worst_by = ""

    def add(self, batch: Any, outcome: Outcome, counted: Mapping[str, Counted[Any]]) -> None:
        """Takes one batch; an `on_photos` of a pass."""
        judged_by = next((name for name in WORST_BY if name in counted), "")
        self.worst_by = WORST_BY.get(judged_by, "")
        for part in counted[judged_by].photos if judged_by else ():
            self._worst.see(self._name(batch, part.row), outcome, part)
            self._names.append(self._name(batch, part.row))
        for name, one in counted.items():
            # What makes the labels holds on to whole batches.
            small = [dataclasses.replace(part, labels=_forgotten) for part in one.photos]
            self._parts.setdefault(name, []).extend(small)

    def sums(self, num_classes: int) -> PhotoSums | None:
        """The sums of all photos; None where no evaluator counts them."""
        if not self._names:
            return None
        sums = {name: SparseSums.of(parts) for name, parts in self._parts.items()}
        return PhotoSums(tuple(self._names), num_classes, sums)

    def worst(self) -> tuple[WorstPhoto, ...]:
        """The worst photos, the worst first."""
        return self._worst.photos()

    def _name(self, batch: Any, row: int) -> str:
        names = batch.names if isinstance(batch, View) else None
        return names[row] if names else f"photo {len(self._names) + 1}"


def put_together(
    done: Pass, card: ProtocolCard, classes: ClassList, record: PhotoRecord | None
) -> Result:
    """Puts together what a pass leaves.

    Args:
        done: The pass.
        card: Its protocol.
        classes: That were scored.
        record: What was kept of photos; None for nothing.
    """
    one = next(iter(done.evaluators.values()))
    seen, is_thing = getattr(one, "seen", None), classes.thing_mask
    return Result(
        table=done.table(),
        card=card,
        names=distinct(classes.names),
        rows=done.classes(),
        groups=class_groups(seen, is_thing),
        colors=classes.colors,
        confusion=done.states.get("semantic"),
        photos=record.sums(len(classes)) if record else None,
        worst=record.worst() if record else (),
        worst_by=record.worst_by if record else "",
    )


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Numbers names that stand twice, as in some published lists: "door", "door (2)"."""
    taken: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name} ({number})"
        taken[free] = None
    return tuple(taken)


def _forgotten() -> np.ndarray:
    raise AssertionError("labels of a photo are made while its batch is there")
