"""A file of named masks per photo: LabelMe's beside it, YOLO's polygons in a folder `labels`."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from data.categories import classes_of
from data.label_names import labels_of
from data.manual_files import ManualFileError
from data.own.files import Folder, left_out
from data.own.found import Found, entry_of
from data.own.names import listed_words, numbered_names
from data.own.photos import Photos, is_held_out
from ovseg_jax.foundation.errors import counted
from ovseg_jax.masks.found import FileMasks
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.masks.yolo import class_names
from ovseg_jax.vocabulary.class_list import ClassEntry, ClassList
from ovseg_jax.vocabulary.matching import finder, folded
from ovseg_jax.vocabulary.palette import palette_color

KIND, SET = "a mask file per photo", "masks"
YOLO_FOLDER = "labels"


def mask_files(folder: Folder) -> Found | None:
    """A file of named masks per photo."""
    present, photos = set(folder.paths), Photos(folder).paths
    files = {
        photo: next((place for place in _places(photo) if place in present), None)
        for photo in photos
    }
    given = {photo: file for photo, file in files.items() if file is not None}
    if not given:
        return None
    is_yolo = {file.suffix == ".txt" for file in given.values()}
    if len(is_yolo) > 1:
        mixed = [
            str(next(x for x in given.values() if x.suffix == end)) for end in (".txt", ".json")
        ]
        raise ManualFileError(
            f"{folder.root}: has YOLO's files, such as {mixed[0]}, and LabelMe's, such as "
            f"{mixed[1]}; which are meant? Move the others elsewhere"
        )
    if is_yolo == {True}:
        return _yolo(folder, files, given)
    return _by_words(folder, files, given)


def _by_words(
    folder: Folder, files: Mapping[Path, Path | None], given: Mapping[Path, Path]
) -> Found:
    """LabelMe and its kind: masks have words; names written alike are one class."""
    root, entries, words = folder.root, [], set[str]()
    for photo, file in given.items():
        entry = entry_of(root, SET, photo, file)
        found = MaskFiles(root / file).read(root / photo, entry["height"], entry["width"])
        if len(found.masks) and (found.names is None or not all(x.strip() for x in found.names)):
            raise ManualFileError(f"{root / file}: a mask of it has no name; give it one")
        words |= set(found.names or ())
        entries.append(entry)
    if not words:
        raise ManualFileError(f"{root}: none of its {len(given)} mask files holds a mask")
    classes, source = classes_of(sorted(words), "masks"), "the masks' names"
    listed, name = listed_words(root)
    if listed is not None:
        _check_words(root / name, words, listed)
        classes, source = listed, name
    lonely = [photo for photo, file in files.items() if file is None]
    notes = left_out("photo", "without a mask file, left out", lonely)
    notes += _orphans(folder, given, ".json")
    held_out = list(map(is_held_out, given))
    return Found(KIND, SET, entries, held_out, classes, source, by_word=True, notes=notes)


def _yolo(folder: Folder, files: Mapping[Path, Path | None], given: Mapping[Path, Path]) -> Found:
    """YOLO: masks have numbers, and a photo without a file is one without objects."""
    root = folder.root
    listed, source, unread = numbered_names(root)
    homes = {photo.parent for photo in given}
    kept = {photo: file for photo, file in files.items() if photo.parent in homes}
    entries, near = [], dict[int, str]()
    for photo, file in kept.items():
        entry = entry_of(root, SET, photo, file)
        entries.append(entry)
        if file is not None:
            size = entry["height"], entry["width"]
            found = MaskFiles(root / file).read(root / photo, *size)
            near |= _checked_names(root, file, found, listed, source)
    classes = listed or _numbered_list(near)
    if classes is None:
        raise ManualFileError(f"{root}: none of its {len(given)} files of polygons has one")
    source = source or "the file of names beside the polygons"
    empty = [photo for photo, file in kept.items() if file is None]
    notes = unread + left_out("photo", "without a file of polygons, kept without objects", empty)
    lost = [photo for photo in files if photo not in kept]
    notes += left_out("photo", "in folders without any file of polygons, left out", lost)
    notes += _orphans(folder, given, ".txt")
    return Found(KIND, SET, entries, list(map(is_held_out, kept)), classes, source, notes=notes)


def _checked_names(
    root: Path, file: Path, found: FileMasks, listed: ClassList | None, source: str
) -> dict[int, str]:
    """Returns the names of the numbers in a file; refuses numbers without one or with two."""
    used = collections.Counter(np.asarray(found.labels).tolist() if len(found.masks) else [])
    where, near = class_names(root / file)
    if not used:
        return {}
    if listed is None and not near:
        raise ManualFileError(
            f"{root / file}: its masks have no names; put classes.txt or data.yaml into {root}"
        )
    ours = dict(zip(labels_of(listed), listed.classes, strict=True)) if listed else {}
    known = sorted(ours or near)
    for number, count in sorted(used.items()):
        if number not in known:
            raise ManualFileError(
                f"{root / file}: has {counted(count, 'mask')} of the class number {number}; "
                f"{source or where} names {len(known)} classes, numbers {known[0]} to "
                f"{known[-1]}{_one_based(number, known)}"
            )
        if ours and number in near and not _is_called(near[number], ours[number]):
            raise ManualFileError(
                f"{root / source} and {where} contradict each other: class {number} is "
                f"{ours[number].name!r} in the one and {near[number]!r} in the other; delete the "
                "one that is out of date (`ovseg data prepare` itself writes classes.txt)"
            )
    return {number: near[number] for number in used if number in near}


def _is_called(name: str, entry: ClassEntry) -> bool:
    ours = set(map(folded, entry.synonyms))
    return bool(ours & set(map(folded, (name, *name.split(",")))))


def _one_based(number: int, known: Sequence[int]) -> str:
    if known[0] == 1 and number == 0:
        return "; YOLO's files count classes from 0, so the names should begin at 0 too"
    return "; a name is missing, or the file is of another set"


def _numbered_list(names: Mapping[int, str]) -> ClassList | None:
    """The classes of names under their numbers; None without names."""
    entries = [
        ClassEntry((name,), True, palette_color(place), number)
        for place, (number, name) in enumerate(sorted(names.items()))
    ]
    return ClassList("masks", tuple(entries)) if entries else None


def _check_words(file: Path, words: Iterable[str], listed: ClassList) -> None:
    find = finder(listed)
    if lost := sorted(word for word in words if find(word) is None):
        raise ManualFileError(
            f"{file}: lacks {lost[0]!r}, which masks are called; add it, or correct the masks"
        )


def _orphans(folder: Folder, given: Mapping[Path, Path], ending: str) -> tuple[str, ...]:
    """Files of masks, by their folder, that no photo belongs to."""
    homes, used = {file.parent for file in given.values()}, set(given.values())
    lone = [
        path
        for path in folder.paths
        if path.suffix == ending and path.parent in homes and path not in used
    ]
    known = {"classes", "notes", "manifest", "names", "labels", "train", "val", "test"}
    return left_out(
        "mask file", "without a photo, left out", [x for x in lone if x.stem not in known]
    )


def _places(photo: Path) -> Iterable[Path]:
    """Where the mask file of a photo may lie, from the root."""
    yield photo.with_suffix(".json")
    if "images" in photo.parts:
        parts = (YOLO_FOLDER if part == "images" else part for part in photo.parts)
        yield Path(*parts).with_suffix(".txt")
    yield photo.with_suffix(".txt")
