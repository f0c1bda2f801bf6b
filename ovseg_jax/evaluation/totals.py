"""All pieces of an evaluation, added up in the order of the split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ovseg_jax.evaluation.counted import PhotoPart
from ovseg_jax.evaluation.evaluator import Evaluator, Pass, State
from ovseg_jax.evaluation.photo_sums import PhotoSums, SparseSums
from ovseg_jax.evaluation.pieces import WORST_BY, Piece
from ovseg_jax.evaluation.predictions.keeping import Note
from ovseg_jax.evaluation.worst import Worst, WorstPhoto


class Totals:
    """Sums of pieces; they are added in the order of their batches.

    Attributes:
        images: Photos that were counted.
        rules: What the rules that named masks said of themselves.
        notes: Of the photos whose answers were kept.
    """

    def __init__(
        self,
        evaluators: Mapping[str, Evaluator],
        pieces: Iterable[Piece],
        shown: Worst | None = None,
    ):
        """Adds up.

        Args:
            evaluators: By the prefix of their scores.
            pieces: In the order of their batches, each once.
            shown: Keeps photos to look at; None for the worst.
        """
        self._evaluators = evaluators
        self._states: dict[str, State] = {name: one.init() for name, one in evaluators.items()}
        self._names: list[str] = []
        self._parts: dict[str, list[PhotoPart]] = {}
        self._worst = Worst() if shown is None else shown
        self.images, self.rules, self.notes = 0, set[str](), list[Note]()
        for piece in pieces:
            self._add(piece)

    def done(self) -> Pass:
        """What the evaluators found."""
        return Pass(self._evaluators, self._states, self.images)

    @property
    def instances(self) -> Sequence[Sequence[dict]] | None:
        """What was found in each photo; None where the instance evaluator did not run."""
        return self._states["instance"].found if "instance" in self._states else None

    def sums(self, num_classes: int) -> PhotoSums | None:
        """The sums of all photos; None where no evaluator counts them."""
        if not self._parts:
            return None
        sums = {name: SparseSums.of(parts) for name, parts in self._parts.items()}
        return PhotoSums(tuple(self._names), num_classes, sums)

    def worst(self) -> tuple[WorstPhoto, ...]:
        """The photos to look at; usually the worst, the worst first."""
        return self._worst.photos()

    @property
    def worst_by(self) -> str:
        """What they were judged by, such as "mIoU"; empty where photos were not kept apart."""
        return next((by for name, by in WORST_BY.items() if name in self._parts), "")

    def _add(self, piece: Piece) -> None:
        self.images += piece.images
        self.rules.add(piece.rule)
        for name, state in piece.states.items():
            self._states[name] = self._states[name] + state
        self._names += piece.names
        self.notes += piece.notes
        for name, parts in piece.parts.items():
            self._parts.setdefault(name, []).extend(parts)
        for place, photo in piece.worst.items():
            self._worst.put(place, photo)
