"""The files of a folder of photos, described for `ovseg data check`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

from data.checks.describe import listed_objects, read_json, read_objects, size_of, told_twice
from data.checks.layout import ANY, IDS, LabelMaps, Layout, Listed, OtherForm, Part
from data.checks.of_trees import maps_of_table
from data.checks.problem import Problem
from data.checks.sizes import TURN
from data.coco_panoptic.coco_panoptic_dataset_builder import category_to_index
from data.instances import InstancesFile
from data.label_names import labels_of
from data.manual_files import ManualFileError
from data.photo_set.annotations import classes_of_set
from data.photo_set.class_file import CLASSES
from data.photo_set.folder import IMAGES, find_annotations
from data.photo_set.labels import BINARY, IGNORED, is_binary_mistake, likely_cause, table_of
from data.photo_set.manifest import MANIFEST, SPLITS, check_entry, only_set, split_of
from data.photo_set.mask_objects import with_masks
from ovseg_jax.foundation.errors import first_few
from ovseg_jax.vocabulary.classes import ClassList

BELOW = "labels below the first name"
ENTRIES = "entries of the manifest"
UNREADABLE = "damaged lists"
ADVICE = "see data/photo_set/README.md for what the folder should hold"
MISMATCH = "the manifest and the annotations are of different versions; write both anew"
FIRST = {"ade150": 1}
"""The label of class 0, where it is not 0."""
PREPARED_ADE = OtherForm(
    149,
    "prepared labels where raw ones are expected",
    "they go from 0 to 149, such as annotations_detectron2; the set 'ade150' takes the publisher's "
    "maps, with 0 for none and labels of 1 to 150",
    ignore=IGNORED,
)


def describe(root: str, config: str) -> Layout:
    """Describes one set of a folder; its photos are those that its list names.

    Args:
        root: The folder.
        config: One of `VOCABULARIES`; empty for the only set of the folder.
    """
    folder = Path(root)
    try:
        set_name = config or only_set(epath.Path(root))
        if (folder / MANIFEST).is_file() or set_name != "instances":
            return _of_manifest(folder, set_name)
        return _of_instances(folder)
    except ManualFileError as error:
        problem = Problem(UNREADABLE, root, str(error), advice=ADVICE)
        return Layout(folder, {"train": Part({})}, 0, problems=[problem])


def _of_instances(folder: Path) -> Layout:
    """Describes photos beside one COCO instances file."""
    source = Path(find_annotations(epath.Path(folder)))
    entries = [{"gt": source.relative_to(folder).as_posix()}]
    classes = classes_of_set(epath.Path(folder), "instances", entries)
    file, index, problems = read_objects(source, classes)
    listed = listed_objects(file) if file else {}
    photos = {name: path for name in listed if (path := _find(folder, name))}
    part = Part(photos, listed=listed, source=source, class_index=index)
    return Layout(folder, {"train": part}, len(classes), upright=True, problems=problems)


def _find(folder: Path, name: str) -> Path | None:
    places = [folder / place / name for place in IMAGES]
    return next((place for place in places if place.is_file()), None)


def _of_manifest(folder: Path, set_name: str) -> Layout:
    """Describes the photos that a manifest lists for one set."""
    entries, problems = _entries(folder / MANIFEST, set_name)
    part, count, maps = _part(folder, entries), 0, None
    try:
        classes = classes_of_set(epath.Path(folder), set_name, entries)
        count = len(classes)
        if "instances" in set_name:
            part, wrong = _with_objects(folder, entries, part, classes)
            problems += wrong
        elif set_name == "masks":
            part, wrong = with_masks(folder, entries, part, classes)
            problems += wrong
        elif set_name == "labels":
            problems += _below(folder, classes)
        maps = _maps(set_name, classes)
    except ManualFileError as error:
        problems.append(Problem(UNREADABLE, str(folder), str(error), advice=ADVICE))
    if maps is not None and maps.has_segments:
        own = {number: index for index, number in enumerate(labels_of(classes))}
        index = own if set_name == "panoptic" else category_to_index()
        part = dataclasses.replace(part, class_index=index)
        problems += _without_segments(folder, entries)
    parts = _by_split(part, entries)
    return Layout(folder, parts, count, maps, upright=True, problems=problems)


def _by_split(part: Part, entries: Sequence[Mapping[str, Any]]) -> dict[str, Part]:
    """Returns the photos of each split that the manifest has; all of them where it has none."""
    names = {
        split: {entry["image"] for entry in entries if split_of(entry) == split} for split in SPLITS
    }
    present = {split: chosen for split, chosen in names.items() if chosen}
    return {split: _only(part, chosen) for split, chosen in present.items()} or {SPLITS[0]: part}


def _only(part: Part, names: Set[str]) -> Part:
    """Returns what a part has of some photos."""

    def chosen(items: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if items is None else {n: item for n, item in items.items() if n in names}

    return dataclasses.replace(
        part,
        photos=chosen(part.photos),
        labels=chosen(part.labels),
        listed=chosen(part.listed),
    )


def _entries(path: Path, set_name: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Returns the sound entries of a set, and a problem for each that is not."""
    content, problems = read_json(path)
    if content is None and not problems:
        problems = [Problem(UNREADABLE, str(path), "the manifest is missing", advice=ADVICE)]
    sound = []
    for number, entry in enumerate(content if isinstance(content, list) else []):
        try:
            check_entry(entry, f"entry {number}")
            sound.append(entry)
        except ManualFileError as error:
            problems.append(Problem(ENTRIES, str(path), str(error), advice=ADVICE))
    chosen = [entry for entry in sound if entry["set"] == set_name]
    if not chosen and not problems:
        found = first_few(sorted({entry["set"] for entry in sound})) or "none"
        text = f"has no photo of the set {set_name!r}; it has {found}"
        problems.append(Problem(UNREADABLE, str(path), text, advice=ADVICE))
    problems += told_twice(path, [entry["image"] for entry in chosen])
    return chosen, problems


def _part(folder: Path, entries: Sequence[Mapping[str, Any]]) -> Part:
    places = {entry["image"]: (folder / entry["image"], folder / entry["gt"]) for entry in entries}
    listed = {
        entry["image"]: Listed(size_of(entry), tuple(map(dict, _segments(entry) or ())))
        for entry in entries
    }
    photos = {name: photo for name, (photo, _) in places.items() if photo.is_file()}
    labels = {name: label for name, (_, label) in places.items() if label.is_file()}
    return Part(photos, labels, listed, folder / MANIFEST)


def _segments(entry: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """Returns the segments of an entry; None where they are missing or malformed."""
    segments = entry.get("segments_info")
    whole = isinstance(segments, list) and all(
        isinstance(x, dict) and all(type(x.get(key)) is int for key in ("id", "category_id"))
        for x in segments
    )
    return segments if whole else None


def _without_segments(folder: Path, entries: Sequence[Mapping[str, Any]]) -> list[Problem]:
    text = "should have 'segments_info', a list of objects with the integers id and category_id"
    return [
        Problem(ENTRIES, str(folder / MANIFEST), f"{entry['image']}: {text}", advice=ADVICE)
        for entry in entries
        if _segments(entry) is None
    ]


def _with_objects(
    folder: Path, entries: Sequence[Mapping[str, Any]], part: Part, classes: ClassList
) -> tuple[Part, list[Problem]]:
    """Adds the objects that instances files have for the photos."""
    listed, index, problems = dict(part.listed or {}), {}, []
    for name in sorted({entry["gt"] for entry in entries}):
        file, found, wrong = read_objects(folder / name, classes)
        index |= found
        problems += wrong
        own = [entry for entry in entries if entry["gt"] == name] if file else []
        for entry in own:
            assert file is not None
            known, text, advice = _objects_of(file, entry)
            listed |= known
            problems += [Problem(ENTRIES, str(file.path), text, advice=advice)] if text else []
    return dataclasses.replace(part, labels={}, listed=listed, class_index=index), problems


def _objects_of(
    file: InstancesFile, entry: Mapping[str, Any]
) -> tuple[dict[str, Listed], str, str]:
    """Returns the objects of a photo by its name; what is wrong with its entry, and what to do."""
    name, size = entry["image"], size_of(entry)
    try:
        image = file.image(name)
    except ManualFileError as error:
        return {}, f"{name}: {str(error).removeprefix(f'{file.path}: ')}", MISMATCH
    found = size_of(image)
    text = f"{name}: {found} pixels there, in the manifest {size}"
    turned = found is not None and found == (size or ())[::-1]
    return (
        {name: Listed(size, objects=file.objects(image["id"]), source=Path(file.path))},
        text if found not in (None, size) else "",
        f"if {TURN.removeprefix('the ')}; else {MISMATCH}" if turned else MISMATCH,
    )


def _below(folder: Path, classes: ClassList) -> Iterator[Problem]:
    """Yields a note where names are numbered from a label above 0."""
    if lowest := labels_of(classes)[0]:
        text = f"names count from {lowest}; labels below are taken for void"
        advice = "where label 0 is a class, name it: '0: background'"
        yield Problem(BELOW, str(folder / CLASSES), text, False, advice)


def _maps(set_name: str, classes: ClassList) -> LabelMaps | None:
    """Returns what the label files of a set may hold; None where objects are outlines."""
    if "instances" in set_name or set_name == "masks":
        return None
    if set_name in ("coco_panoptic", "panoptic"):
        return LabelMaps(IDS)
    if set_name == "labels":
        binary = BINARY if is_binary_mistake(classes) else ""
        return maps_of_table(table_of(classes), ANY, advise=_advise, binary=binary)
    first = FIRST.get(set_name, 0)
    ignore = frozenset({IGNORED, *range(first)})
    others = (PREPARED_ADE,) if set_name == "ade150" else ()
    return LabelMaps(8, first, first + len(classes) - 1, ignore, others=others)


def _advise(found: Sequence[int], wrong: Sequence[int], mode: str) -> str:
    del found
    return likely_cause(np.array(wrong), mode)
