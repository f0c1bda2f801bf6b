"""Two class lists side by side: which class of one is which of the other, by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Int

from ovseg_jax.foundation.errors import first_few
from ovseg_jax.vocabulary.classes import ClassEntry, ClassList, VocabularyError

SHOWN = 60
"""How many names a message lists of each side."""


def folded(name: str) -> str:
    """Returns a name without what is only a way of writing it: "Traffic_Light" is "traffic light".

    Case, and spaces, hyphens and underscores for each other, do not count.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(re.split(r"[\s_-]+", plain)).strip()


def label_table(own: ClassList, wanted: ClassList) -> Int[np.ndarray, " c"]:
    """Returns for each class of a data set its position in a vocabulary.

    Lists whose classes share a name position by position are the same list. Otherwise names decide,
    so that the order of neither list counts; two classes of the data may be one of the vocabulary.

    Args:
        own: The classes of the data set's labels.
        wanted: The vocabulary.

    Raises:
        VocabularyError: The vocabulary lacks a class of the data, or has several of its name; the
            message holds both lists.
    """
    if len(own) == len(wanted) and all(map(_share_a_name, own.classes, wanted.classes)):
        return np.arange(len(own), dtype=np.int32)
    find = finder(wanted)
    positions = [_position(entry, find) for entry in own.classes]
    if lost := [name for name, at in zip(own.names, positions, strict=True) if at is None]:
        raise VocabularyError(
            f"the vocabulary {wanted.name!r} lacks, or has twice, {first_few(lost, SHOWN)} of the "
            f"labels; the data set {own.name!r} has {first_few(own.names, SHOWN)}; "
            f"the vocabulary has {first_few(wanted.names, SHOWN)}"
        )
    return np.asarray(positions, np.int32)


def finder(classes: ClassList) -> Callable[[str], int | None]:
    """Returns a function from a name to the one class that it stands for; None where none does.

    Names that are shown come before synonyms, names to the letter before folded ones.
    """
    rounds = [
        _owners((entry.name,) for entry in classes.classes),
        _owners(entry.synonyms for entry in classes.classes),
        _owners((folded(entry.name),) for entry in classes.classes),
        _owners(map(folded, entry.synonyms) for entry in classes.classes),
    ]

    def find(name: str) -> int | None:
        keys = (name, name, folded(name), folded(name))
        owners = (owners[key] for owners, key in zip(rounds, keys, strict=True) if key in owners)
        candidates = next(owners, set())
        return next(iter(candidates)) if len(candidates) == 1 else None

    return find


def _share_a_name(one: ClassEntry, other: ClassEntry) -> bool:
    return not set(map(folded, one.synonyms)).isdisjoint(map(folded, other.synonyms))


def _position(entry: ClassEntry, find: Callable[[str], int | None]) -> int | None:
    found = (find(name) for name in entry.synonyms)
    return next((position for position in found if position is not None), None)


def _owners(rows: Iterable[Iterable[str]]) -> dict[str, set[int]]:
    """Returns for each name the positions that have it."""
    owners: dict[str, set[int]] = {}
    for position, names in enumerate(rows):
        for name in names:
            owners.setdefault(name, set()).add(position)
    return owners
