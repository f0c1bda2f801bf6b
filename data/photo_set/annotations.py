"""From a photo's annotation to an id map: the sets that can be decoded, and PNGs of two kinds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

from data.coco_panoptic.coco_panoptic_dataset_builder import category_to_index
from data.instances import InstanceDecoder, own_classes
from data.manual_files import ManualFileError, read_png, require_file
from data.panoptic import decode_segments
from data.segments import VOID, Segments, decode_regions, stack_masks
from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.vocabulary.classes import (
    ClassList,
    VocabularyError,
    load_class_file,
    load_preset,
)
from ovseg_jax.vocabulary.matching import finder

VOCABULARIES = {
    "coco128_instances": "coco_things80",
    "coco_panoptic": "coco_panoptic133",
    "voc": "pascal_voc21",
    "ade150": "ade150",
    "instances": "",
    "labels": "",
    "masks": "",
    "panoptic": "",
}
"""The sets that can be decoded, and the preset whose positions are the categories of each; empty
where the annotations bring classes of their own."""
CLASSES = "classes.txt"
"""Where classes are numbered, beside the manifest: line n names class n - 1."""
IGNORED = 255
"""The label of pixels that no class is asked of."""


def classes_of_set(
    root: epath.Path, set_name: str, entries: Sequence[Mapping[str, Any]]
) -> ClassList:
    """Returns the classes whose positions are the categories of a set.

    Args:
        root: Folder of the photos.
        set_name: A key of `VOCABULARIES`.
        entries: The photos of the set.

    Raises:
        ManualFileError: The annotations' own classes cannot be read.
    """
    if preset := VOCABULARIES[set_name]:
        return load_preset(preset)
    if set_name == "instances":
        return own_classes(root, entries)
    try:
        return load_class_file(require_file(root / CLASSES, "the names of the labels"))
    except VocabularyError as error:
        raise ManualFileError(str(error)) from error


def decoder(
    set_name: str, classes: ClassList
) -> Callable[[epath.Path, Mapping[str, Any]], Segments]:
    """Returns the function from folder and manifest entry to a photo's segments.

    Args:
        set_name: A key of `VOCABULARIES`.
        classes: See `classes_of_set`.
    """
    if set_name in ("instances", "coco128_instances"):
        return InstanceDecoder(classes)
    own_ids = {number: number for number in range(len(classes))}
    return {
        "coco_panoptic": functools.partial(decode_panoptic_png, classes=category_to_index()),
        "panoptic": functools.partial(decode_panoptic_png, classes=own_ids),
        "masks": functools.partial(decode_mask_file, find=finder(classes)),
        "labels": functools.partial(decode_label_png, first=0, count=len(classes)),
        "voc": functools.partial(decode_label_png, first=0, count=21),
        "ade150": functools.partial(decode_label_png, first=1, count=150),
    }[set_name]


def decode_label_png(
    root: epath.Path, entry: Mapping[str, Any], first: int, count: int
) -> Segments:
    """Reads an 8-bit label PNG; everything of one class is one segment.

    Args:
        root: Folder of the photos.
        entry: The photo's entry in the manifest.
        first: Label of class 0; lower ones are void, and so is 255.
        count: Number of classes.

    Raises:
        ManualFileError: There is a label behind the last class: the map is of another set.
    """
    labels = read_png(root / entry["gt"], "L", "the label map")
    beyond = labels[(labels >= first + count) & (labels != IGNORED)]
    if beyond.size:
        raise ManualFileError(
            f"{root / entry['gt']}: label {beyond.max()} is none of the {count} classes of "
            f"{entry['set']!r} (labels {first} to {first + count - 1}, {IGNORED} for none)"
        )
    table = np.full(256, VOID, np.int32)
    table[first : first + count] = np.arange(count)
    return decode_regions(labels, table)


def decode_panoptic_png(
    root: epath.Path, entry: Mapping[str, Any], classes: Mapping[int, int]
) -> Segments:
    """Reads a panoptic PNG, whose segments the entry lists as "segments_info".

    Args:
        root: Folder of the photos.
        entry: The photo's entry in the manifest.
        classes: Class index of each category id.
    """
    path = root / entry["gt"]
    if "segments_info" not in entry:
        raise ManualFileError(f"{root / 'manifest.json'}: {entry['image']} has no 'segments_info'")
    colors = read_png(path, "RGB", "the panoptic map")
    return decode_segments(colors, entry["segments_info"], classes, str(path))


def decode_mask_file(
    root: epath.Path, entry: Mapping[str, Any], find: Callable[[str], int | None]
) -> Segments:
    """Reads a file of named masks, of any form that `ovseg segment --masks` reads.

    Args:
        root: Folder of the photos.
        entry: The photo's entry in the manifest.
        find: Returns the class index of a name.

    Raises:
        ManualFileError: It cannot be read, a mask has no name, or its name is no class.
    """
    path, size = root / entry["gt"], (entry["height"], entry["width"])
    try:
        found = MaskFiles(Path(path)).read(Path(root / entry["image"]), *size)
    except MasksError as error:
        raise ManualFileError(str(error)) from error
    names = found.names or ("",) * len(found.masks)
    indices = [find(name) for name in names]
    if None in indices:
        lost = names[indices.index(None)]
        raise ManualFileError(f"{path}: {lost!r} is not among the classes in {root / CLASSES}")
    return stack_masks(list(found.masks), [i for i in indices if i is not None], size)
