"""What one batch adds to an evaluation: counted, written as a line, and read back.

Every piece takes this way, whether it was counted just now, before a kill, or on another host, so
that all are equal to the last bit.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.evaluation import plain
from ovseg_jax.evaluation.counted import ByPhoto, Counted, PhotoPart
from ovseg_jax.evaluation.evaluator import Evaluator, Outcome, State, valid_images
from ovseg_jax.evaluation.photo_sums import WIDTHS
from ovseg_jax.evaluation.predictions.keeping import Keeper, Note
from ovseg_jax.evaluation.worst import Worst, WorstPhoto
from ovseg_jax.inputs.batches import View

WORST_BY = {"semantic": "mIoU", "panoptic": "PQ"}
"""Evaluators whose score of a photo says how bad it went; the first that runs decides."""
HEAD = b'{"batch":'
"""How each line begins."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Piece:
    """One batch, counted.

    Attributes:
        number: Of the batch in the split.
        images: Photos that count.
        rule: What the rule that named the masks says of itself.
        states: What each evaluator adds.
        names: File names of the photos that count; none where photos are not kept apart.
        parts: What evaluators counted in each of these.
        worst: Photos that were among the worst so far, by their place in the split.
        notes: Of each photo whose answer was kept.
    """

    number: int
    images: int
    rule: str
    states: Mapping[str, State]
    names: tuple[str, ...] = ()
    parts: Mapping[str, tuple[PhotoPart, ...]] = dataclasses.field(default_factory=dict)
    worst: Mapping[int, WorstPhoto] = dataclasses.field(default_factory=dict)
    notes: Sequence[Note] = ()

    def line(self) -> bytes:
        """Writes the piece as one line of JSON, without its end."""
        content: dict[str, Any] = {
            "batch": self.number,
            "images": self.images,
            "rule": self.rule,
            "states": {name: plain.state_to_plain(one) for name, one in self.states.items()},
            "names": self.names,
            "parts": {n: [plain.part_to_plain(x) for x in some] for n, some in self.parts.items()},
            "worst": [[place, plain.photo_to_plain(x)] for place, x in self.worst.items()],
            "notes": list(self.notes),
        }
        return json_bytes(content, separators=(",", ":"))

    @staticmethod
    def number_in(line: bytes) -> int:
        """Returns the number of the batch without reading the rest."""
        return int(line[len(HEAD) : line.index(b",")])

    @staticmethod
    def images_in(line: bytes) -> int:
        """Returns the number of photos likewise."""
        return int(line.split(b",", 2)[1].split(b":")[1])

    @classmethod
    def of_line(cls, line: bytes) -> Piece:
        """Reads what `line` wrote."""
        content = json.loads(line)
        states, parts = content["states"], content["parts"]
        return cls(
            number=content["batch"],
            images=content["images"],
            rule=content["rule"],
            states={name: plain.state_from_plain(one) for name, one in states.items()},
            names=tuple(content["names"]),
            parts={
                name: tuple(plain.part_from_plain(x, WIDTHS[name]) for x in some)
                for name, some in parts.items()
            },
            worst={place: plain.photo_from_plain(x) for place, x in content["worst"]},
            notes=content["notes"],
        )


class Counting:
    """Counts batches; threads may share it."""

    def __init__(
        self,
        evaluators: Mapping[str, Evaluator],
        *,
        by_photo: bool,
        keeper: Keeper | None = None,
        shown: Worst | None = None,
    ):
        """Says what is counted.

        Args:
            evaluators: By the prefix of their scores.
            by_photo: Also keep the sums of each photo, and the worst photos.
            keeper: Keeps answers; they are known where photos are kept apart.
            shown: Keeps photos to look at; None for the worst.
        """
        self._evaluators, self._by_photo, self._keeper = evaluators, by_photo, keeper
        self._worst = Worst() if shown is None else shown

    def count(self, view: View, outcome: Outcome, rule: str) -> Piece:
        """Counts what was made of one batch."""
        states, counted = {}, {}
        for name, one in self._evaluators.items():
            if self._by_photo and isinstance(one, ByPhoto):
                counted[name] = one.count(outcome)
                states[name] = counted[name].state
            else:
                states[name] = one.update(one.init(), outcome)
        return self.piece(view, rule, states, counted)

    def piece(
        self,
        view: View,
        rule: str,
        states: Mapping[str, State],
        counted: Mapping[str, Counted[Any]],
    ) -> Piece:
        """Puts together what was counted in one batch.

        Args:
            view: The batch.
            rule: What named the masks.
            states: What each evaluator adds.
            counted: What those counted that keep photos apart.
        """
        rows = np.flatnonzero(np.asarray(valid_images(view))).tolist()
        names = tuple(view.names[row] for row in rows) if view.names and self._by_photo else ()
        notes = ()
        if self._keeper is not None:
            sizes = np.asarray(view.truth.sizes)[rows].tolist()
            notes = self._keeper.keep(names, sizes, counted)
        return Piece(
            number=view.number,
            images=len(rows),
            rule=rule,
            states=states,
            names=names,
            parts={name: one.photos for name, one in counted.items()},
            worst=self._seen(view, counted),
            notes=notes,
        )

    def _seen(self, view: View, counted: Mapping[str, Counted[Any]]) -> dict[int, WorstPhoto]:
        judged = next((counted[name].photos for name in WORST_BY if name in counted), ())
        found, names = {}, view.names or ()
        for part in judged:
            place = view.number * len(view.images) + part.row
            photo = self._worst.see(place, names[part.row], view.truth, part)
            if photo is not None:
                found[place] = photo
        return found
