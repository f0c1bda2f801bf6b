"""What the numbers in Cityscapes' maps mean: label ids, train ids, and ids of instances."""

from __future__ import annotations

import functools

import numpy as np

from data.label_map_files import UNKNOWN, label_table
from data.manual_files import ManualFileError
from data.segments import VOID, Segments
from ovseg_jax.vocabulary.classes import load_preset

PRESET = "cityscapes19"
HIGHEST_LABEL = 33
PER_LABEL = 1000
"""Instance n of a label is the label times this, plus n; smaller numbers are plain labels."""


@functools.cache
def class_index() -> dict[int, int]:
    """Returns the class index of each of the 19 label ids."""
    classes = load_preset(PRESET).classes
    return {x.original_id: n for n, x in enumerate(classes) if x.original_id is not None}


def train_id_table() -> np.ndarray:
    """Returns int32 [256]: the class of each train id; 255 is ignored."""
    return label_table(0, 19, [255])


def label_id_table() -> np.ndarray:
    """Returns int32 [256]: the class of each label id; those that are not evaluated are ignored.

    No published map has 255, which train ids have: it tells the one from the other.
    """
    table = np.full(256, UNKNOWN, np.int32)
    table[: HIGHEST_LABEL + 1] = VOID
    table[list(class_index())] = list(class_index().values())
    return table


def class_of_instance(number: int) -> int | None:
    """Returns the class of a number in a map of instances; `VOID`, or None for a number of none."""
    try:
        index = int(label_id_table()[_label(number, "")])
    except ManualFileError:
        return None
    counts_stuff = number >= PER_LABEL and index != VOID and not _things()[index]
    return None if counts_stuff else index


@functools.cache
def _things() -> np.ndarray:
    return load_preset(PRESET).thing_mask


def decode_instances(numbers: np.ndarray, source: str) -> Segments:
    """Makes the segments of a map of instances, as `createPanopticImgs.py` does.

    Args:
        numbers: Integers [H, W]: a label id of stuff, or of a group of things, which is a crowd;
            or the label id of a thing times 1000, plus its number.
        source: Name of the map, for messages.

    Returns:
        The segments by rising number; those of labels that are not evaluated are void.

    Raises:
        ManualFileError: A number is none of such a map.
    """
    present, positions = np.unique(numbers, return_inverse=True)
    table, things = label_id_table(), _things()
    own = np.zeros(len(present), np.int32)
    categories: list[int] = []
    crowds: list[bool] = []
    for position, number in enumerate(present.tolist()):
        counted = number >= PER_LABEL
        index = int(table[_label(number, source)])
        if index == VOID:
            continue
        if counted and not things[index]:
            raise ManualFileError(f"{source}: {number} counts stuff, which these maps never do")
        categories.append(index)
        crowds.append(bool(things[index]) and not counted)
        own[position] = len(categories)
    return Segments(own[positions].reshape(numbers.shape), categories, crowds)


def _label(number: int, source: str) -> int:
    """Returns the label id of a number of such a map."""
    label = number // PER_LABEL if number >= PER_LABEL else number
    if label > HIGHEST_LABEL:
        raise ManualFileError(
            f"{source}: {number} is of none of the labels 0 to {HIGHEST_LABEL}; "
            "is this another map than *_gtFine_instanceIds.png?"
        )
    return label
