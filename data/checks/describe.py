"""Parts of a `Layout` that several sets have: files by name, and annotation files."""

from __future__ import annotations

import collections
import json
import warnings
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from etils import epath

from data.categories import class_indices, read_categories
from data.checks.layout import Listed, Part
from data.checks.problem import Problem
from data.instances import InstancesFile
from data.manual_files import ManualFileError
from ovseg_jax.vocabulary.classes import ClassList

DAMAGED = "damaged annotations"
CATEGORIES = "unknown categories"
File = TypeVar("File", bound=InstancesFile)


def files_by_name(folder: Path, ending: str, deep: bool = False) -> dict[str, Path]:
    """Returns the files of a folder by their names without the ending; none where it is missing.

    Args:
        folder: Where to look.
        ending: Such as ".jpg", or "_gtFine_labelTrainIds.png".
        deep: Whether to look into its folders too.
    """
    found = sorted(folder.rglob(f"*{ending}") if deep else folder.glob(f"*{ending}"))
    return {path.name.removesuffix(ending): path for path in found}


def read_json(path: Path) -> tuple[Any, list[Problem]]:
    """Returns what a JSON file holds, None where it is missing; and what is wrong with it."""
    if not path.is_file():
        return None, []  # told as needed
    try:
        return json.loads(path.read_text(encoding="utf-8-sig")), []
    except (ValueError, RecursionError, OSError) as error:
        advice = "perhaps a download broke off; get the file again"
        return None, [Problem(DAMAGED, str(path), f"not valid JSON: {error}", advice=advice)]


def panoptic_part(
    photos: Mapping[str, Path],
    maps: Mapping[str, Path],
    source: Path,
    classes: ClassList,
    expected: int | None = None,
) -> tuple[Part, list[Problem]]:
    """Describes a split with panoptic PNGs and a COCO panoptic file.

    Args:
        photos: The photos on disk by name.
        maps: The PNGs on disk by name.
        source: The JSON file.
        classes: Whose positions the categories become, by their names.
        expected: How many photos the publisher has.
    """
    content, problems = read_json(source)
    if content is None:
        return Part(photos, maps, expected=expected), problems
    try:
        items = [(Path(x["file_name"]).stem, tuple(x["segments_info"])) for x in _entries(content)]
        used = {int(info["category_id"]) + 0 * int(info["id"]) for _, s in items for info in s}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        text = f"not a COCO panoptic file with a list 'annotations': {error!r}"
        advice = "give the panoptic JSON file, not that of instances or captions"
        return Part(photos, maps, expected=expected), [
            Problem(DAMAGED, str(source), text, advice=advice)
        ]
    problems += told_twice(source, [name for name, _ in items])
    index, wrong = category_index(content, used, classes, source)
    listed = {name: Listed(segments=segments) for name, segments in items}
    return Part(photos, maps, listed, source, index, expected), problems + wrong


def read_objects(
    source: Path, classes: ClassList, kind: type[File] = InstancesFile
) -> tuple[File | None, dict[int, int], list[Problem]]:
    """Reads a COCO instances file.

    Args:
        source: The JSON file.
        classes: Whose positions the categories become, by their names.
        kind: What reads it.

    Returns:
        The file, None where it cannot be read; the class of each category id; what is wrong.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            file = kind(epath.Path(source))
        except (ManualFileError, OSError) as error:
            advice = "export the file again, or get it again; see data/photo_set/README.md"
            text = _short(error, source)
            return None, {}, [Problem(DAMAGED, str(source), text, advice=advice)]
        index, wrong = _index_of_file(file, classes, source)
    return file, index, wrong + [_remark(source, str(note.message)) for note in told]


def listed_objects(file: InstancesFile) -> dict[str, Listed]:
    """Returns size and objects of each photo of an instances file, by its name there."""
    return {
        file.name_of(image): Listed(size_of(image), objects=file.objects(image["id"]))
        for image in file.images
    }


def size_of(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Returns height and width that an entry says; None where it does not."""
    height, width = image.get("height"), image.get("width")
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def category_index(
    content: Mapping[str, Any], used: Collection[int], classes: ClassList, source: Path
) -> tuple[dict[int, int], list[Problem]]:
    """Returns the class of each category id in use, and a problem for each that is none."""
    index: dict[int, int] = {}
    try:
        names = read_categories(content, str(source))
    except ManualFileError as error:
        advice = "take the file as published; ids mean nothing without names"
        return index, [Problem(CATEGORIES, str(source), _short(error, source), advice=advice)]
    wrong = []
    for number in sorted(used):
        try:
            index |= class_indices(names, [number], classes, str(source))
        except ManualFileError:
            name = repr(names[number]) if number in names else "not in 'categories'"
            text = f"category {number} ({name}) is none of the {len(classes)} classes"
            advice = f"the file is of another set than {classes.name}, or was edited"
            wrong.append(Problem(CATEGORIES, str(source), text, advice=advice))
    return index, wrong


def told_twice(source: Path, names: Iterable[str]) -> list[Problem]:
    """Returns a problem for each photo that a file lists more than once."""
    advice = "two annotation files were joined; only one of the two entries would count"
    return [
        Problem("listed twice", str(source), f"{name} stands there {count} times", advice=advice)
        for name, count in collections.Counter(names).items()
        if count > 1
    ]


def _entries(content: Any) -> list[Any]:
    entries = content["annotations"]
    if not isinstance(entries, list):
        raise TypeError("'annotations' is no list")
    return entries


def _index_of_file(file: InstancesFile, classes: ClassList, source: Path) -> tuple[dict, list]:
    try:
        return file.class_indices(classes), []
    except ManualFileError as error:
        numbers = {item.get("category_id") for item in file.content["annotations"]}
        used = {number for number in numbers if type(number) is int}
        index, wrong = category_index(file.content, used, classes, source)
        return index, wrong or [Problem(CATEGORIES, str(source), _short(error, source))]


def _remark(source: Path, text: str) -> Problem:
    return Problem("remarks of the reader", str(source), text.removeprefix(f"{source}: "), False)


def _short(error: Exception, source: Path) -> str:
    return str(error).removeprefix(f"{source}: ")
