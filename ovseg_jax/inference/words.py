"""The words of one run: what is asked for, and background words that compete but are not shown.

With few words, every region takes the least unlike of them, and three words paint a whole photo.
Background words stop that: they are classified like any other, and what they win stays unlabelled.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool

from ovseg_jax.vocabulary.class_rows import same_to_readers
from ovseg_jax.vocabulary.classes import ClassEntry, ClassList, seen_mask

SHORT = 10
"""With fewer classes than this, background words are added by default."""
GENERIC = (
    *("wall", "floor", "ceiling", "ground", "sky", "building", "tree", "grass", "water", "road"),
    *("mountain", "fence"),
)
"""Default background of a model that names no training vocabulary."""


@dataclasses.dataclass(frozen=True)
class Words:
    """A vocabulary in use.

    Attributes:
        classes: What is asked for.
        background: What competes and is left unlabelled; may be empty.
        is_default: Whether the background was added without being asked for.
        templates: Name of the prompt set.
    """

    classes: ClassList
    background: tuple[ClassEntry, ...] = ()
    is_default: bool = False
    templates: str = "vild14"

    @property
    def all(self) -> ClassList:
        """Classes, then background: the order of the class slots."""
        entries = (*self.classes.classes, *self.background)
        # Classes were compared with each other alone; published background may share names.
        return dataclasses.replace(self.classes, classes=entries, shares_names=True)

    @property
    def background_names(self) -> tuple[str, ...]:
        """The shown name of each background class."""
        return tuple(entry.name for entry in self.background)

    def things(self, train: ClassList | None) -> Bool[np.ndarray, " k"]:
        """Which slots are things.

        Background is stuff, and so is a class that the training vocabulary calls stuff by one of
        its names.
        """
        known = self.all.thing_mask
        known[len(self.classes) :] = False
        if train is not None:
            stuff = [entry for entry in train.classes if not entry.is_thing]
            if stuff:
                known &= ~seen_mask(self.all, ClassList(train.name, tuple(stuff)))
        return known


def choose_words(
    classes: ClassList,
    background: ClassList | None,
    train: ClassList | None,
    *,
    wanted: bool = True,
    templates: str = "vild14",
) -> Words:
    """Puts classes and background together; background that is asked for as a class stays out.

    Args:
        classes: What is asked for.
        background: Background words that were given; None asks for the default: with fewer than
            `SHORT` classes the stuff of the training vocabulary (grass, sky, wall, ...), and with
            more none, since a long list has competition enough.
        train: The model's training vocabulary.
        wanted: False means no background at all.
        templates: Name of the prompt set.
    """
    if not wanted:
        return Words(classes, templates=templates)
    is_default = background is None
    entries = background.classes if background is not None else _default(classes, train)
    # "Sky" and "sky" are one to every tokenizer, and the second would take half of the first.
    taken = {same_to_readers(name) for entry in classes.classes for name in entry.synonyms}
    kept = tuple(
        entry for entry in entries if taken.isdisjoint(map(same_to_readers, entry.synonyms))
    )
    return Words(classes, kept, is_default and bool(kept), templates)


def _default(classes: ClassList, train: ClassList | None) -> tuple[ClassEntry, ...]:
    if len(classes) >= SHORT:
        return ()
    stuff = () if train is None else tuple(e for e in train.classes if not e.is_thing)
    grey = (128, 128, 128)
    return stuff or tuple(ClassEntry((name,), False, grey) for name in GENERIC)
