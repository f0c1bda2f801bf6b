"""What evaluators may give beside the flat table: numbers of each class, and parts by photo."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

AnyState = TypeVar("AnyState")
Segments = Callable[[], tuple[Int[np.ndarray, "H W"], Mapping[int, int]]]


@dataclasses.dataclass(frozen=True)
class PhotoPart:
    """What one evaluator counted in one photo.

    Attributes:
        row: Of the photo in its batch.
        classes: Those that occur, in the truth or in the answer.
        counts: The sums of each of them that the score is made of.
        score: Of this photo alone, as a fraction; NaN where nothing can be judged.
        labels: Makes the class of each pixel of the answer, -1 for none.
        segments: Makes the segment of each pixel, 0 for none, and gives the class of each segment;
            only where the answer has segments.
    """

    row: int
    classes: Int[np.ndarray, " m"]
    counts: Float[np.ndarray, "m c"]
    score: float
    labels: Callable[[], Int[np.ndarray, "H W"]]
    segments: Segments | None = None


@dataclasses.dataclass(frozen=True)
class Counted(Generic[AnyState]):
    """One batch, counted.

    Attributes:
        state: Of the whole batch, to be added.
        photos: Its parts, images that only fill up a batch left out.
    """

    state: AnyState
    photos: tuple[PhotoPart, ...]


@runtime_checkable
class ByClass(Protocol):
    """An evaluator that has numbers of each class."""

    def per_class(self, state: Any) -> dict[str, Float[np.ndarray, " k"]]:
        """Returns a row of numbers by name, NaN for classes that say nothing."""
        ...


@runtime_checkable
class ByPhoto(Protocol):
    """An evaluator that counts photo by photo: its `update` adds `count(outcome).state`."""

    def count(self, outcome: Any) -> Counted[Any]:
        """Counts one batch."""
        ...
