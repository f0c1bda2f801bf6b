"""The publisher's MATLAB files of PASCAL-Context: 459 classes, and 59 of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from etils import epath
from scipy.io import loadmat

from data.manual_files import ManualFileError, require_file
from data.pascal_context.merged import MERGED, names_of, raw_table
from data.pascal_context.orders import check_numbers
from data.segments import VOID, Segments, decode_regions
from ovseg_jax.foundation.errors import warn

FOLDER = "trainval"
LISTED = "pascalcontext_val.txt"
LABELS = "labels.txt"
VARIABLE = "LabelMap"


def read_label_map(path: epath.Path) -> np.ndarray:
    """Reads the labels of a photo.

    Returns:
        int64 [H, W]: 0 for void, 1 to 459 for the classes.

    Raises:
        ManualFileError: See `stored_label_map`; or a label is none of the classes.
    """
    labels = stored_label_map(path)
    low, high = labels.min(initial=0), labels.max(initial=0)
    if low < 0 or high > 459:
        label = low if low < 0 else high
        raise ManualFileError(f"{path}: label {label} is none of the 459 classes")
    return labels


def stored_label_map(path: epath.Path) -> np.ndarray:
    """Reads the numbers of a MATLAB file as int64 [H, W]; nothing in the file is run.

    Raises:
        ManualFileError: The file is missing or damaged, or its `LabelMap` is no such array.
    """
    file = require_file(path, "the annotation")
    try:
        labels = loadmat(str(file), variable_names=[VARIABLE])[VARIABLE]
    except Exception as error:  # SciPy raises whatever a damaged file leads it to
        raise ManualFileError(f"{path}: holds no {VARIABLE!r}: {error!r}") from error
    if labels.ndim != 2 or labels.dtype.kind not in "ui":
        raise ManualFileError(
            f"{path}: {VARIABLE!r} should be whole numbers [height, width], found "
            f"{labels.dtype} {list(labels.shape)}"
        )
    return labels.astype(np.int64)


def mat_459(place: epath.Path, split: str) -> Iterator[tuple[str, Segments]]:
    """Reads the photos of a split with all 459 classes.

    Raises:
        ManualFileError: A file is missing or has no map, or nothing says which photos are which.
    """
    table = np.arange(VOID, 459, dtype=np.int32)
    for name in listed_photos(place, split):
        yield name, decode_regions(read_label_map(map_path(place, name)), table)


def mat_59(place: epath.Path, split: str) -> Iterator[tuple[str, Segments]]:
    """Reads the photos of a split with 59 classes: all other labels are void, as OVSeg has it.

    Raises:
        ManualFileError: See `mat_459`; or the publisher's `labels.txt` has other numbers.
    """
    if (place / LABELS).is_file():
        check_numbers(place / LABELS)
    for name in listed_photos(place, split):
        yield name, decode_regions(read_label_map(map_path(place, name)), raw_table())


def map_path(place: epath.Path, name: str) -> epath.Path:
    """Returns where the annotation of a photo lies."""
    return place / FOLDER / f"{name}.mat"


def listed_photos(place: epath.Path, split: str) -> list[str]:
    """Returns a split's photos: by OVSeg's and CAT-Seg's list, else by the merged file's phases.

    Raises:
        ManualFileError: Neither is there.
    """
    listed = place / LISTED
    if listed.is_file() and split == "validation":
        names = listed.read_text().split()
        if len(set(names)) < len(names):
            warn(f"{listed}: names photos twice; they are read once")
        return list(dict.fromkeys(names))
    if not (place / MERGED).is_file():
        raise ManualFileError(
            f"{place}: nothing says which photos are {split}; put {MERGED} or, for validation, "
            f"{LISTED} there"
        )
    return names_of(place, split)
