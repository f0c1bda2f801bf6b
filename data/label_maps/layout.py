"""A folder of photos and one of label maps, described for `ovseg data check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.checks.layout import ANY, LabelMaps, Layout, Needed, Part
from data.checks.of_trees import maps_of_table
from data.checks.problem import Problem
from data.label_maps.choice import choose
from data.label_maps.coding import Coding, likely_cause
from data.label_maps.description import APART, Description, shared_folders
from data.label_maps.pairs import files_by_stem
from data.manual_files import ManualFileError
from data.segments import VOID

DESCRIPTION = "descriptions that do not fit"
SUFFIXES = "files with none of the suffixes"
BINARY = "where 255 is a class, say so with 'remap: {0: 0, 255: 1}' in the description"
SHARED = "splits that share photos"
README = "see data/label_maps/README.md"


def describe(root: str, config: str) -> Layout:
    """Describes the folders that a description names.

    Args:
        root: The folder.
        config: See `data.label_maps.choice.choose`.
    """
    try:
        found = choose(root, config)
    except ManualFileError as error:
        problem = Problem(DESCRIPTION, root, str(error), advice=README)
        return Layout(Path(root), {}, 0, problems=[problem])
    parts, problems, needed = {}, _shared(found), []
    for split, folders in found.splits.items():
        labels, wrong = _files(folders.labels, folders.label_suffixes)
        photos, also = _files(folders.photos, folders.photo_suffixes, set(labels.values()))
        maps = legal_labels(found.coding, folders.partial)
        parts[split] = Part(photos, labels, expected=found.counts.get(split), maps=maps)
        problems += wrong + also
        needed += [_needed(Path(root), folders.photos, "the photos")]
        needed += [_needed(Path(root), folders.labels, "the label maps")]
    return Layout(
        Path(root), parts, len(found.classes), needed=needed, upright=True, problems=problems
    )


def _shared(found: Description) -> list[Problem]:
    return [Problem(SHARED, found.name, text, False, APART) for text in shared_folders(found)]


def legal_labels(coding: Coding, partial: bool) -> LabelMaps:
    """Says which labels maps may hold.

    Args:
        coding: What they mean.
        partial: Whether photos without a map are in order.
    """
    bits = 16 if coding.last > 255 else ANY

    def advise(found: Sequence[int], wrong: Sequence[int], mode: str) -> str:
        return likely_cause(np.array(found), np.array(wrong), coding, mode)

    lost = coding.count > 1 and 255 in coding.ignore and coding.table()[0] != VOID
    return maps_of_table(
        coding.table(), bits, may_lack=partial, advise=advise, binary=BINARY if lost else ""
    )


def _files(
    folder: Path, suffixes: tuple[str, ...], others: set[Path] | None = None
) -> tuple[dict[str, Path], list[Problem]]:
    """Pairs files by name; what cannot be told apart is a problem, what is missing is needed."""
    if not folder.is_dir():
        return {}, []
    try:
        return files_by_stem(folder, suffixes, "the files", {str(x) for x in others or ()}), []
    except ManualFileError as error:
        return {}, [Problem(SUFFIXES, str(folder), str(error), advice=README)]


def _needed(root: Path, folder: Path, what: str) -> Needed:
    place = str(folder.relative_to(root) if folder.is_relative_to(root) else folder.absolute())
    return Needed((place,), what, "")
