"""Files of named masks, such as LabelMe's and YOLO's, read as objects for `ovseg data check`."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.checks.layout import Listed, Part
from data.checks.problem import Problem
from data.parallel import in_order
from data.photo_set.annotations import index_of_word
from data.segments import pack
from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.matching import finder

UNREAD = "mask files that cannot be used"
UNNAMED = "masks whose name is no class"
REMARK = "remarks of the reader"
ADVICE = "correct the file, or prepare the folder anew with `ovseg data prepare`"
Read = tuple[str, Listed, list[Problem]]


def with_masks(
    folder: Path, entries: Sequence[Mapping[str, Any]], part: Part, classes: ClassList
) -> tuple[Part, list[Problem]]:
    """Adds the masks that files have for the photos, as objects.

    Args:
        folder: The root.
        entries: The photos of the manifest.
        part: Their description.
        classes: What names have to be.
    """
    find, listed, problems = finder(classes), dict(part.listed or {}), []

    def read(entry: Mapping[str, Any]) -> Read:
        return _read(folder, entry, listed[entry["image"]], find)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for name, found, wrong in in_order(read, entries, "reading masks"):
            listed[name] = found
            problems += wrong
    remarks = [str(note.message) for note in told if issubclass(note.category, OvsegWarning)]
    problems += [Problem(REMARK, str(folder), text, False) for text in remarks]
    index = {number: number for number in range(len(classes))}
    return dataclasses.replace(part, labels={}, listed=listed, class_index=index), problems


def _read(folder: Path, entry: Mapping[str, Any], listed: Listed, find: Any) -> Read:
    """Reads the masks of one photo; what is wrong with them is a problem and no object."""
    name, path, size = entry["image"], folder / entry["gt"], listed.size
    if not entry["gt"] or size is None:
        return name, listed, []
    try:
        found = MaskFiles(path).read(folder / name, *size)
    except (MasksError, OSError) as error:
        text = str(error).removeprefix(f"{path}").removeprefix(":").strip()
        return name, listed, [Problem(UNREAD, str(path), text, advice=ADVICE)]
    words = found.names or ("",) * len(found.masks)
    indices = [index_of_word(word, find) for word in words]
    lost = [word for word, index in zip(words, indices, strict=True) if index is None]
    problems = [
        Problem(UNNAMED, str(path), f"{word!r} is not in classes.txt", advice=ADVICE)
        for word in dict.fromkeys(lost)
    ]
    objects = [
        {
            "id": source,
            "category_id": index,
            "segmentation": {"size": list(size), "counts": pack(mask).decode()},
        }
        for source, index, mask in zip(found.sources, indices, found.masks, strict=True)
        if index is not None
    ]
    return name, dataclasses.replace(listed, objects=objects, source=path), problems
