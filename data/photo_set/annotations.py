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
from data.label_names import labels_of
from data.manual_files import ManualFileError, read_png
from data.panoptic import decode_segments
from data.photo_set.class_file import CLASSES, read_class_list
from data.photo_set.labels import IGNORED, LabelDecoder
from data.segments import VOID, Segments, decode_regions, stack_masks
from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.vocabulary.class_rows import split_names
from ovseg_jax.vocabulary.classes import ClassList, load_preset
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
    return read_class_list(root, set_name)


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
    if set_name == "labels":
        return LabelDecoder(classes)
    own_ids = {number: index for index, number in enumerate(labels_of(classes))}
    return {
        "coco_panoptic": functools.partial(decode_panoptic_png, classes=category_to_index()),
        "panoptic": functools.partial(decode_panoptic_png, classes=own_ids),
        "masks": functools.partial(decode_mask_file, find=finder(classes)),
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

    Raises:
        ManualFileError: Map and list contradict each other, or a category is no class.
    """
    path = root / entry["gt"]
    if "segments_info" not in entry:
        raise ManualFileError(f"{root / 'manifest.json'}: {entry['image']} has no 'segments_info'")
    colors = read_png(path, "RGB", "the panoptic map")
    segments = decode_segments(colors, entry["segments_info"], classes, str(path))
    if lost := len(entry["segments_info"]) - len(segments.categories):
        raise ManualFileError(
            f"{path}: {lost} of {len(entry['segments_info'])} listed segments have no pixel; map "
            "and list are of different versions, or the map was resized or saved anew"
        )
    return segments


def decode_mask_file(
    root: epath.Path, entry: Mapping[str, Any], find: Callable[[str], int | None]
) -> Segments:
    """Reads a file of named masks, of any form that `ovseg segment --masks` reads.

    Args:
        root: Folder of the photos.
        entry: The photo's entry in the manifest.
        find: Returns the class index of a name.

    Returns:
        The segments; none where the entry says by an empty "gt" that the photo has no objects.

    Raises:
        ManualFileError: It cannot be read, a mask has no name, or its name is no class.
    """
    path, size = root / entry["gt"], (entry["height"], entry["width"])
    if not entry["gt"]:
        return stack_masks([], [], size)
    try:
        found = MaskFiles(Path(path)).read(Path(root / entry["image"]), *size)
    except MasksError as error:
        raise ManualFileError(str(error)) from error
    names = found.names or ("",) * len(found.masks)
    indices = [index_of_word(name, find) for name in names]
    if None in indices:
        lost = names[indices.index(None)]
        raise ManualFileError(f"{path}: {lost!r} is not among the classes in {root / CLASSES}")
    return stack_masks(list(found.masks), [i for i in indices if i is not None], size)


def index_of_word(name: str, find: Callable[[str], int | None]) -> int | None:
    """Returns the class index of what a mask is called: a name, or names with commas between."""
    index = find(name)
    if index is None and (names := split_names(name)):
        index = find(names[0])
    return index
