"""Where the files of a set lie: one truth for readers, for checks and for the names of records.

A builder module of a published set offers `trees(root, config) -> {split: Tree}`. Looking at a
tree raises nothing and opens no picture: what is missing is told by whoever needs it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from etils import epath

from data.checks.layout import LabelMaps
from data.checks.problem import Problem


@dataclasses.dataclass(frozen=True)
class Folder:
    """Files of one kind.

    Attributes:
        choices: Where they may lie, the first wins; all for messages, the usual place first.
        what: What they are, in words.
        ending: Of their names; what stands before it is the name of a photo.
        deep: Whether they lie in folders of the folder, such as one per city.
        only: Names of those that belong to the split; None for all.
        within: Folders of the folder in which alone they lie; empty for the folder itself.
    """

    choices: tuple[epath.Path, ...]
    what: str
    ending: str
    deep: bool = False
    only: Collection[str] | None = None
    within: tuple[str, ...] = ()

    @property
    def path(self) -> epath.Path:
        """The first of the choices that is there, else the usual one."""
        return next((path for path in self.choices if path.is_dir()), self.choices[0])

    def sizes(self) -> Iterator[tuple[str, str, int]]:
        """Yields path below the folder, name and size in bytes of each file, in no order."""
        cut, ending = -len(self.ending), self.ending
        for part in self.within or ("",):
            start = f"{part}/" if part else ""
            for below, size in _walk(str(self.path / part), ending, self.deep, start):
                name = below[below.rfind("/") + 1 : cut]
                if self.only is None or name in self.only:
                    yield below, name, size

    def files(self) -> dict[str, epath.Path]:
        """Returns the files by name, sorted; none where the folder is missing."""
        found = sorted((name, below) for below, name, _ in self.sizes())
        return {name: self.path / below for name, below in found}


Reading = tuple[Mapping[str, Any] | None, Mapping[int, int], list[Problem]]
"""What a list says of each photo, None where it cannot be read; the class of each category; what is
wrong with it."""


@dataclasses.dataclass(frozen=True)
class Tree:
    """The files of one split.

    Attributes:
        photos: The photos.
        labels: Their label files; None where a list has all.
        maps: What label files may hold, for checks.
        lists: Where a file may lie that lists the photos; empty where none does.
        read_list: Reads it, for checks.
        others: Further files that are read where they are there.
        expected: How many photos the published set has.
        upright: Whether photos are read as displayed, after any EXIF rotation.
    """

    photos: Folder
    labels: Folder | None = None
    maps: LabelMaps | None = None
    lists: tuple[epath.Path, ...] = ()
    read_list: Callable[[epath.Path], Reading] | None = None
    others: tuple[epath.Path, ...] = ()
    expected: int | None = None
    upright: bool = True

    @property
    def listed(self) -> epath.Path | None:
        """The first of the lists that is there, else the usual one."""
        usual = self.lists[0] if self.lists else None
        return next((path for path in self.lists if path.is_file()), usual)

    def stamps(self) -> Iterator[tuple]:
        """Yields each folder and file that is read, and what changes when files come or go."""
        for folder in (self.photos, self.labels):
            if folder is not None:
                only = None if folder.only is None else len(folder.only)
                for part in folder.within or ("",):
                    path = folder.path / part
                    yield str(path), folder.ending, only, _changed(path)
        for path in (*self.lists, *self.others):
            yield str(path), _changed(path)

    def contents(self) -> Iterator[tuple[str, str, int]]:
        """Yields what each file that is read is for, its place there, and its size in bytes."""
        for what, folder in (("photos", self.photos), ("labels", self.labels)):
            for below, _, size in folder.sizes() if folder else ():
                yield what, below, size
        for path in (*((self.listed,) if self.listed else ()), *self.others):
            if path.is_file():
                yield "lists", path.name, os.stat(path).st_size


def _changed(path: epath.Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def config_name(config: str) -> str:
    """Returns the name of a config without the state of a folder behind it; see `data.states`."""
    return config.partition("-")[0]


def with_parts(choices: Sequence[epath.Path], *parts: str) -> tuple[epath.Path, ...]:
    """Returns the one of some places of a set that is there, or all where none is.

    Args:
        choices: Where the set may lie, the usual place first.
        parts: Folders of which it has one.
    """
    there = [place for place in choices if any((place / part).is_dir() for part in parts)]
    return tuple(there[:1] or choices)


def first_with(choices: Sequence[epath.Path], ending: str) -> epath.Path:
    """Returns the first of some folders that holds files, else the first that is there, or usual.

    Args:
        choices: The folders, the usual one first.
        ending: Of the files.
    """
    there = [path for path in choices if path.is_dir()] or list(choices)
    return next((p for p in there if any(True for _ in _walk(str(p), ending, False))), there[0])


def _walk(folder: str, ending: str, deep: bool, below: str = "") -> Iterator[tuple[str, int]]:
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for entry in entries:
            if entry.name.endswith(ending) and entry.is_file():
                yield below + entry.name, entry.stat().st_size
            elif deep and entry.is_dir():
                yield from _walk(entry.path, ending, deep, f"{below}{entry.name}/")
