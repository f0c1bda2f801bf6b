"""What an evaluation finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.evaluation.evaluator import Table, class_groups
from ovseg_jax.evaluation.photo_sums import PhotoSums
from ovseg_jax.evaluation.protocol import ProtocolCard
from ovseg_jax.evaluation.totals import Totals
from ovseg_jax.evaluation.worst import WorstPhoto
from ovseg_jax.vocabulary.classes import ClassList


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
        predictions: What is written behind the pictures of kept answers, by its ending.
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
    predictions: Mapping[str, bytes] = dataclasses.field(default_factory=dict)

    def classes(self) -> dict[str, dict[str, float]]:
        """The numbers of each class, by its name."""
        return {
            name: {metric: float(row[index]) for metric, row in self.rows.items()}
            for index, name in enumerate(self.names)
        }


def put_together(totals: Totals, card: ProtocolCard, classes: ClassList) -> Result:
    """Puts together what all pieces of an evaluation give."""
    done = totals.done()
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
        photos=totals.sums(len(classes)),
        worst=totals.worst(),
        worst_by=totals.worst_by,
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
