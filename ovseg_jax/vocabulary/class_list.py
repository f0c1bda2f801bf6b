"""What a vocabulary is: an ordered list of classes, each with its names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Int

from ovseg_jax.foundation.errors import OvsegError


class VocabularyError(OvsegError, ValueError):
    """A vocabulary that cannot be used; the message names its source and the remedy."""


@dataclass(frozen=True)
class ClassEntry:
    """One class.

    Attributes:
        synonyms: Its names, at least one and no two equal; the first is shown.
        is_thing: Whether it is countable, so that each mask is an object of its own.
        color: Display colour, RGB, 0 to 255.
        original_id: The id that the publisher of the data set uses; None for free words.
    """

    synonyms: tuple[str, ...]
    is_thing: bool
    color: tuple[int, int, int]
    original_id: int | None = None

    @property
    def name(self) -> str:
        """The name that is shown."""
        return self.synonyms[0]


@dataclass(frozen=True)
class ClassList:
    """An ordered vocabulary; a class index is a position in `classes`.

    Attributes:
        name: Where it comes from: a preset's name, a file's stem, or "words".
        classes: At least one class.
        shares_names: Whether two classes may share a name, as in some published lists.
    """

    name: str
    classes: tuple[ClassEntry, ...]
    shares_names: bool = field(default=False, compare=False)

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """The shown name of each class."""
        return tuple(entry.name for entry in self.classes)

    @property
    def thing_mask(self) -> Bool[np.ndarray, " k"]:
        """Which classes are things."""
        return np.asarray([entry.is_thing for entry in self.classes], bool)

    @property
    def colors(self) -> Int[np.ndarray, "k 3"]:
        """Display colour of each class, uint8."""
        return np.asarray([entry.color for entry in self.classes], np.uint8)

    @property
    def synonym_rows(self) -> tuple[tuple[str, ...], Int[np.ndarray, " s"]]:
        """All names, class by class, and the class index of each."""
        rows = [(name, i) for i, entry in enumerate(self.classes) for name in entry.synonyms]
        return tuple(name for name, _ in rows), np.asarray([i for _, i in rows], np.int32)

    def subset(self, indices: Sequence[int], name: str) -> ClassList:
        """Returns the classes at `indices` (colours unchanged) as a list called `name`."""
        return replace(self, name=name, classes=tuple(self.classes[index] for index in indices))
