"""What annotation files say, and what is wrong with them, for descriptions of sets."""

from __future__ import annotations

import collections
import json
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from etils import epath

from data.categories import SPELLINGS, class_indices, read_categories
from data.checks.layout import Listed
from data.checks.problem import Problem
from data.instances import InstancesFile
from data.manual_files import ManualFileError
from ovseg_jax.vocabulary.classes import ClassList

DAMAGED = "damaged annotations"
CATEGORIES = "unknown categories"
File = TypeVar("File", bound=InstancesFile)


def read_json(path: Path) -> tuple[Any, list[Problem]]:
    """Returns what a JSON file holds, None where it is missing; and what is wrong with it."""
    if not path.is_file():
        return None, []  # told as needed
    try:
        return json.loads(path.read_text(encoding="utf-8-sig")), []
    except (ValueError, RecursionError, OSError) as error:
        advice = "perhaps a download broke off; get the file again"
        return None, [Problem(DAMAGED, str(path), f"not valid JSON: {error}", advice=advice)]


def read_objects(
    source: Path,
    classes: ClassList,
    index_of: Callable[..., Any] | None = None,
    kind: type[File] = InstancesFile,
) -> tuple[File | None, dict[int, int], list[Problem]]:
    """Reads a COCO instances file.

    Args:
        source: The JSON file.
        classes: Whose positions the categories become, by their names.
        index_of: Finds them in another way; takes what `category_index` takes, but the classes.
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
        if index_of is None:
            index, wrong = _index_of_file(file, classes, source)
        else:
            index, wrong = index_of(file.content, _used(file), source)
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
    content: Mapping[str, Any],
    used: Collection[int],
    classes: ClassList,
    source: Path,
    spellings: Mapping[str, str] = SPELLINGS,
) -> tuple[dict[int, int], list[Problem]]:
    """Returns the class of each category id in use, and a problem for each that is none.

    Args:
        content: The file, parsed.
        used: Category ids of the annotations.
        classes: The classes to find the names of the categories in.
        source: The file.
        spellings: Names of the file, folded, for which `classes` has words of its own.
    """
    index: dict[int, int] = {}
    try:
        names = read_categories(content, str(source))
    except ManualFileError as error:
        advice = "take the file as published; ids mean nothing without names"
        return index, [Problem(CATEGORIES, str(source), _short(error, source), advice=advice)]
    wrong = []
    for number in sorted(used):
        try:
            index |= class_indices(names, [number], classes, str(source), spellings)
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


def _index_of_file(file: InstancesFile, classes: ClassList, source: Path) -> tuple[dict, list]:
    try:
        return file.class_indices(classes), []
    except ManualFileError as error:
        index, wrong = category_index(file.content, _used(file), classes, source)
        return index, wrong or [Problem(CATEGORIES, str(source), _short(error, source))]


def _used(file: InstancesFile) -> set[int]:
    numbers = {item.get("category_id") for item in file.content["annotations"]}
    return {number for number in numbers if type(number) is int}


def _remark(source: Path, text: str) -> Problem:
    return Problem("remarks of the reader", str(source), text.removeprefix(f"{source}: "), False)


def _short(error: Exception, source: Path) -> str:
    return str(error).removeprefix(f"{source}: ")
