"""Reads the files that list the photos of a set, for a `Tree`; damage becomes a problem."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from etils import epath

from data.categories import SPELLINGS, read_categories
from data.checks.describe import (
    DAMAGED,
    category_index,
    listed_objects,
    read_json,
    read_objects,
    told_twice,
)
from data.checks.layout import Listed
from data.checks.problem import Problem
from data.manual_files import ManualFileError
from data.segments import VOID
from data.trees import Reading
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.matching import folded

ReadList = Callable[[epath.Path], Reading]
IndexOf = Callable[[Mapping[str, Any], Collection[int], Path], tuple[dict[int, int], list[Problem]]]


def by_names(
    classes: ClassList, spellings: Mapping[str, str] = SPELLINGS, void: Collection[str] = ()
) -> IndexOf:
    """Returns what finds the class of each category by its name; see `read_panoptic_file`."""

    def index_of(
        content: Mapping[str, Any], used: Collection[int], source: Path
    ) -> tuple[dict[int, int], list[Problem]]:
        ignored = _named(content, used, void)
        asked = set(used) - ignored
        index, wrong = category_index(content, asked, classes, source, spellings)
        return index | dict.fromkeys(ignored, VOID), wrong

    return index_of


def panoptic_list(index_of: IndexOf, ending: str = ".png") -> ReadList:
    """Returns a reader of COCO panoptic files.

    Args:
        index_of: Finds the class of each category.
        ending: What stands behind the name of a photo in that of its map.
    """

    def read(path: epath.Path) -> Reading:
        source = Path(path)
        content, problems = read_json(source)
        if content is None:
            return None, {}, problems
        try:
            items = [(x["file_name"], tuple(x["segments_info"])) for x in _entries(content)]
            named = [(Path(name).name.removesuffix(ending), info) for name, info in items]
            used = {int(info["category_id"]) + 0 * int(info["id"]) for _, x in items for info in x}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            text = f"not a COCO panoptic file with a list 'annotations': {error!r}"
            advice = "give the panoptic JSON file, not that of instances or captions"
            return None, {}, [Problem(DAMAGED, str(source), text, advice=advice)]
        problems += told_twice(source, [name for name, _ in named])
        index, wrong = index_of(content, used, source)
        return {name: Listed(segments=x) for name, x in named}, index, problems + wrong

    return read


def instances_list(classes: ClassList, index_of: IndexOf | None = None) -> ReadList:
    """Returns a reader of COCO instances files.

    Args:
        classes: Whose positions the categories become, by their names.
        index_of: Finds the class of each category in another way.
    """

    def read(path: epath.Path) -> Reading:
        if not path.is_file():
            return None, {}, []  # told as needed
        file, index, problems = read_objects(Path(path), classes, index_of)
        if file is None:
            return None, {}, problems
        return {Path(k).stem: x for k, x in listed_objects(file).items()}, index, problems

    return read


def text_list(path: epath.Path) -> Reading:
    """Reads a file with a name of a photo per line."""
    if not path.is_file():
        return None, {}, []
    names = path.read_text(encoding="utf-8-sig").split()
    return dict.fromkeys(names, Listed()), {}, told_twice(Path(path), names)


def _entries(content: Any) -> list[Any]:
    entries = content["annotations"]
    if not isinstance(entries, list):
        raise TypeError("'annotations' is no list")
    return entries


def _named(content: Mapping[str, Any], used: Collection[int], wanted: Collection[str]) -> set[int]:
    """Returns the categories in use that have one of some names."""
    try:
        names = read_categories(content, "") if wanted else {}
    except ManualFileError:
        names = {}  # told by whoever needs them
    return {number for number in used if folded(names.get(number, "")) in wanted}
