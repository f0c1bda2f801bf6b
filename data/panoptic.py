"""Panoptic annotations in COCO's format: PNGs whose colours are ids, and a file that lists them."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from data.categories import SPELLINGS, class_indices, read_categories
from data.manual_files import ManualFileError, read_png, require_file
from data.segments import VOID, Segments
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.matching import folded


@dataclasses.dataclass(frozen=True)
class PanopticFile:
    """The list of the segments of panoptic PNGs.

    Attributes:
        entries: One per PNG, with "file_name" and "segments_info".
        class_index: Class index of each category id in use; `VOID` for those that are no class.
    """

    entries: Sequence[Mapping[str, Any]]
    class_index: Mapping[int, int]

    def segments(self, entry: Mapping[str, Any], folder: epath.Path) -> Segments:
        """Reads one PNG.

        Args:
            entry: One of `entries`.
            folder: Where the PNGs lie.

        Raises:
            ManualFileError: It is missing or damaged, or contradicts its list.
        """
        path = folder / entry["file_name"]
        colors = read_png(path, "RGB", "the panoptic map")
        return decode_segments(colors, entry["segments_info"], self.class_index, str(path))


def read_panoptic_file(
    path: epath.Path,
    classes: ClassList,
    spellings: Mapping[str, str] = SPELLINGS,
    void: Collection[str] = (),
) -> PanopticFile:
    """Reads and checks the list; categories are classes by their names, whatever their ids are.

    Args:
        path: The JSON file.
        classes: The classes to find the names in.
        spellings: Names of the file, folded, for which `classes` has words of its own.
        void: Names of categories that are no class, folded.

    Raises:
        ManualFileError: It is missing or no such file, a PNG is listed twice, or a category in use
            has no name or one that is no class.
    """
    content = require_file(path, "the panoptic annotations").read_bytes()  # with a mark or not
    try:
        read = json.loads(content)
        entries = read["annotations"]
        used = {category for entry in entries for category in _categories_in(entry)}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManualFileError(
            f"{path}: not a COCO panoptic file with a list 'annotations': {error}"
        ) from error
    _refuse_repeated(entries, path)
    names = read_categories(read, str(path))
    ignored = {number for number in used if folded(names.get(number, "")) in void}
    index = class_indices(names, used - ignored, classes, str(path), spellings)
    return PanopticFile(entries, index | dict.fromkeys(ignored, VOID))


def decode_segments(
    colors: np.ndarray,
    segments_info: Sequence[Mapping[str, Any]],
    class_index: Mapping[int, int],
    source: str,
) -> Segments:
    """Finds the segments that a panoptic PNG holds in their list.

    Args:
        colors: uint8 [H, W, 3]; a segment's id is R + 256 G + 65536 B, 0 is void.
        segments_info: The publisher's list, with "id", "category_id" and "iscrowd".
        class_index: Class index of each category id; segments of those at `VOID` become void.
        source: Name of the PNG, for messages.

    Returns:
        The segments in the order of the list, without those that have no pixel.

    Raises:
        ManualFileError: The PNG holds an id that is not listed, the list has an id twice or that of
            void, or a category is unknown.
    """
    red, green, blue = (colors[..., channel].astype(np.int32) for channel in range(3))
    raw = red | green << 8 | blue << 16
    present = np.unique(raw)
    listed = _by_id(segments_info, source)
    if unlisted := sorted(set(present.tolist()) - set(listed) - {0}):
        raise ManualFileError(f"{source}: segment {unlisted[0]} is not listed in the annotations")
    numbers = np.zeros(len(present), np.int32)
    categories: list[int] = []
    crowds: list[bool] = []
    for position, info in _seen(listed, present):
        if (index := _class_of(info, class_index, source)) == VOID:
            continue
        categories.append(index)
        crowds.append(bool(info.get("iscrowd")))
        numbers[position] = len(categories)
    return Segments(numbers[np.searchsorted(present, raw)], categories, crowds)


def _by_id(segments_info: Sequence[Mapping[str, Any]], source: str) -> dict[int, Mapping[str, Any]]:
    """Returns the listed segments by id, in the order of the list."""
    count = collections.Counter(int(info["id"]) for info in segments_info)
    if twice := [number for number, often in count.items() if often > 1]:
        raise ManualFileError(f"{source}: segment {twice[0]} is listed {count[twice[0]]} times")
    if 0 in count:
        raise ManualFileError(f"{source}: a segment of id 0 is listed, but 0 is void in the map")
    return {int(info["id"]): info for info in segments_info}


def _seen(
    listed: Mapping[int, Mapping[str, Any]], present: np.ndarray
) -> list[tuple[int, Mapping[str, Any]]]:
    """Returns the listed segments that have pixels, with their positions among the ids present."""
    positions = {number: position for position, number in enumerate(present.tolist())}
    return [(positions[number], info) for number, info in listed.items() if number in positions]


def _class_of(info: Mapping[str, Any], class_index: Mapping[int, int], source: str) -> int:
    if info["category_id"] not in class_index:
        raise ManualFileError(
            f"{source}: category {info['category_id']} is not one of the {len(class_index)} "
            "panoptic classes"
        )
    return class_index[info["category_id"]]


def _categories_in(entry: Mapping[str, Any]) -> list[int]:
    """Returns the category ids of one entry; raises TypeError where it is not made as it should."""
    if not isinstance(entry["file_name"], str):
        raise TypeError(f"a file_name is {entry['file_name']!r}")
    numbers = [(info["id"], info["category_id"]) for info in entry["segments_info"]]
    if wrong := [pair for pair in numbers if any(type(number) is not int for number in pair)]:
        raise TypeError(
            f"{entry['file_name']}: id and category_id of a segment are {wrong[0]}, no integers"
        )
    return [category for _, category in numbers]


def _refuse_repeated(entries: Sequence[Mapping[str, Any]], path: epath.Path) -> None:
    """One of two lists of the same PNG would be lost."""
    count = collections.Counter(entry["file_name"] for entry in entries)
    if twice := [name for name, often in count.items() if often > 1]:
        raise ManualFileError(f"{path}: {twice[0]} is listed {count[twice[0]]} times")
