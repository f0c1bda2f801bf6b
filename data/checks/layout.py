"""A neutral description of a set's files, as found on disk, for all checks to work on.

A builder module offers it as `layout(root, config) -> Layout`, or None for a folder whose examples
are to be read one by one. Describing raises nothing: what is missing or damaged stands in the
description. A module may also offer
`own_checks(root, config) -> Iterable[Problem]`, for what only that set can get wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.checks.problem import Problem
from data.segments import VOID

IDS = 24
"""The bits of maps whose colours are numbers, R + 256 G + 65536 B, such as ids of segments."""
ANY = 0
"""The bits of maps of 1, 8 or 16 bits, as people write their own."""


@dataclasses.dataclass(frozen=True)
class Needed:
    """A folder or file without which a set cannot be read.

    Attributes:
        places: Where it may lie, seen from the root; the first is the usual place.
        what: What it holds.
        ending: Of the files in it, such as ".png"; empty for a file.
    """

    places: tuple[str, ...]
    what: str
    ending: str = ""


@dataclasses.dataclass(frozen=True)
class OtherForm:
    """The same labels before or after somebody's script, by which a mix-up is recognised.

    Attributes:
        highest: The highest value there, apart from `ignore`.
        kind: What the problem is called, such as "raw labels".
        advice: Which files these are, and which to give instead.
        ignore: The value of void there; None for none.
    """

    highest: int
    kind: str
    advice: str
    ignore: int | None = None


@dataclasses.dataclass(frozen=True)
class LabelMaps:
    """What the pixels of label files may hold.

    Attributes:
        bits: 8 or 16 for labels, `ANY` for either, `IDS` for numbers in colours.
        first: The label of class 0.
        highest: The highest legal label.
        ignore: Values of pixels that are no class, all of them legal.
        unused: Values within the range that no class has; they count as void.
        others: Forms of the same labels that may have been given instead.
        may_lack: Whether photos without a label file are in order, as where empty ones are left
            out.
        may_hide: Whether listed segments without a pixel are in order.
        may_be_void: Whether files without any label are in order.
        palette: Whether files have a palette as published.
        index: Class of each legal label that is one, -1 for void, None for a label that means
            nothing; where it is not given, labels from `first` to `highest` are classes in turn.
        reader: Reads label files that are no pictures, as integers [H, W].
        advise: Says why labels of a file may mean nothing, from all its labels, those, and
            Pillow's word for its colours.
        binary: What to do where all files hold 0 and 255 only, which is void; empty where that is
            in order.
    """

    bits: int
    first: int = 0
    highest: int = 0
    ignore: frozenset[int] = frozenset({255})
    unused: frozenset[int] = frozenset()
    others: tuple[OtherForm, ...] = ()
    may_lack: bool = False
    may_hide: bool = False
    may_be_void: bool = False
    palette: bool = False
    index: Callable[[int], int | None] | None = None
    reader: Callable[[Path], np.ndarray] | None = None
    advise: Callable[[Sequence[int], Sequence[int], str], str] | None = None
    binary: str = ""

    @property
    def has_segments(self) -> bool:
        """Whether the numbers are ids of segments, which only a list gives a class."""
        return self.bits == IDS and self.index is None

    def class_of(self, value: int) -> int | None:
        """Returns the class of a label; -1 for void, None for a label that means nothing."""
        if value in self.ignore or value in self.unused:
            return VOID
        if self.index is not None:
            return self.index(value)
        return value - self.first if self.first <= value <= self.highest else None

    def is_class(self, value: int) -> bool:
        """Whether a label is one of a class."""
        return self.class_of(value) not in (None, VOID)


@dataclasses.dataclass(frozen=True)
class Listed:
    """What an annotation file or manifest says of one photo.

    Attributes:
        size: Height and width; None where it does not say.
        segments: The `segments_info` of a panoptic map.
        objects: The annotations of an instances file.
        source: The file that has the objects, where photos have files of their own.
    """

    size: tuple[int, int] | None = None
    segments: Sequence[Mapping[str, Any]] = ()
    objects: Sequence[Mapping[str, Any]] = ()
    source: Path | None = None


@dataclasses.dataclass(frozen=True)
class Part:
    """One split; names are what photo and label have in common.

    Attributes:
        photos: The photos on disk, by name.
        labels: The label files on disk, by name.
        listed: What a file lists, by name; None where no file lists the photos.
        source: That file.
        class_index: Class of each category id of that file.
        expected: How many photos the publisher's set has; None where nobody knows.
        maps: What its label files may hold, where splits differ; else as the layout says.
    """

    photos: Mapping[str, Path]
    labels: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    listed: Mapping[str, Listed] | None = None
    source: Path | None = None
    class_index: Mapping[int, int] = dataclasses.field(default_factory=dict)
    expected: int | None = None
    maps: LabelMaps | None = None


@dataclasses.dataclass(frozen=True)
class Layout:
    """A set of photos with labels.

    Attributes:
        root: The folder that was given.
        parts: The splits, by name.
        classes: How many classes there are.
        maps: What label files may hold; None for sets without label files.
        needed: What has to be there.
        upright: Whether photos are read as displayed, after any EXIF rotation.
        problems: What was wrong already while describing.
        needed_at: What would have to be there if another folder were the root, where a set may lie
            in one of several trees; else the same.
    """

    root: Path
    parts: Mapping[str, Part]
    classes: int
    maps: LabelMaps | None = None
    needed: Sequence[Needed] = ()
    upright: bool = False
    problems: Sequence[Problem] = ()
    needed_at: Callable[[Path], Sequence[Needed]] | None = None

    def maps_of(self, split: str) -> LabelMaps | None:
        """Returns what the label files of a split may hold; None where it has none."""
        return self.parts[split].maps or self.maps
