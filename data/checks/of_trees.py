"""The `Layout` of a set whose files are described by trees, for `ovseg data check`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

from data.checks.layout import LabelMaps, Layout, Needed, OtherForm, Part
from data.checks.problem import Problem
from data.label_map_files import UNKNOWN
from data.segments import VOID
from data.trees import Folder, Tree
from ovseg_jax.vocabulary.classes import ClassList


def layout_of(
    root: str, config: str, find: Callable[[str, str], Mapping[str, Tree]], classes: ClassList
) -> Layout:
    """Describes the files of a set.

    Args:
        root: The folder that was given.
        config: A config of the set; empty for its first.
        find: Says where the files of each split lie, for a folder and a config.
        classes: The classes of the set.
    """
    trees = find(root, config)
    parts: dict[str, Part] = {}
    problems: list[Problem] = []
    for split, tree in trees.items():
        parts[split], wrong = _part(tree)
        problems += wrong
    upright = all(tree.upright for tree in trees.values())
    return Layout(
        Path(root),
        parts,
        len(classes),
        needed=_all_needed(Path(root), trees),
        upright=upright,
        problems=problems,
        needed_at=lambda place: _all_needed(place, find(str(place), config)),
    )


def _all_needed(root: Path, trees: Mapping[str, Tree]) -> list[Needed]:
    return list(dict.fromkeys(need for tree in trees.values() for need in _needed(root, tree)))


def maps_of_table(
    table: np.ndarray, bits: int = 8, others: Sequence[OtherForm] = (), **settings: Any
) -> LabelMaps:
    """Says which labels are legal, from the table by which a reader takes them.

    Args:
        table: Class of each label, `VOID` for those of no class, `UNKNOWN` for those of none of
            the set.
        bits: See `LabelMaps`.
        others: Forms of the same labels that may have been given instead.
        settings: Further fields of `LabelMaps`.
    """

    def index(value: int) -> int | None:
        known = 0 <= value < len(table) and table[value] != UNKNOWN
        return int(table[value]) if known else None

    labels = np.flatnonzero(table >= 0)
    ignore = frozenset(np.flatnonzero(table == VOID).tolist())
    first, highest = int(labels.min()), int(labels.max())
    return LabelMaps(bits, first, highest, ignore, others=tuple(others), index=index, **settings)


def _part(tree: Tree) -> tuple[Part, list[Problem]]:
    photos, labels = _files(tree.photos), _files(tree.labels) if tree.labels else {}
    listed, index, problems, source = None, {}, [], None
    if tree.listed is not None and tree.read_list is not None:
        listed, index, problems = tree.read_list(tree.listed)
        source = Path(tree.listed)
    if listed is not None:
        photos = {name: path for name, path in photos.items() if name in listed}
    part = Part(photos, labels, listed, source, index, tree.expected, tree.maps)
    return part, problems


def _files(folder: Folder) -> dict[str, Path]:
    return {name: Path(path) for name, path in folder.files().items()}


def _needed(root: Path, tree: Tree) -> Iterator[Needed]:
    for folder in (tree.photos, tree.labels):
        if folder is not None:
            for part in folder.within or ("",):
                places = [choice / part for choice in folder.choices]
                yield Needed(_seen_from(root, places), folder.what, folder.ending)
    if tree.lists:
        yield Needed(_seen_from(root, tree.lists), "the list of the photos")


def _seen_from(root: Path, paths: Sequence[epath.Path]) -> tuple[str, ...]:
    return tuple(os.path.relpath(path, root) for path in paths)
