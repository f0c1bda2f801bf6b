"""Numbers, names and orders of PASCAL-Context's 59 classes."""

from __future__ import annotations

import numpy as np
from etils import epath

from data.manual_files import ManualFileError, require_file
from ovseg_jax.foundation.errors import first_few
from ovseg_jax.vocabulary.classes import load_preset
from ovseg_jax.vocabulary.matching import finder, folded

# fmt: off
RAW_59 = (
    0, 2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113,
    115, 144, 158, 159, 162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326,
    347, 349, 354, 355, 360, 366, 368, 397, 415, 416, 420, 424, 427, 440, 445, 454, 458,
)
# fmt: on
"""Categories of `trainval_merged.json`: 0 is void, the others are the 59 classes in turn."""

# fmt: off
NAMES_59 = (
    "aeroplane", "bag", "bed", "bedclothes", "bench", "bicycle", "bird", "boat", "book",
    "bottle", "building", "bus", "cabinet", "car", "cat", "ceiling", "chair", "cloth",
    "computer", "cow", "cup", "curtain", "dog", "door", "fence", "floor", "flower", "food",
    "grass", "ground", "horse", "keyboard", "light", "motorbike", "mountain", "mouse", "person",
    "plate", "platform", "pottedplant", "road", "rock", "sheep", "shelves", "sidewalk", "sign",
    "sky", "snow", "sofa", "table", "track", "train", "tree", "truck", "tvmonitor", "wall",
    "water", "window", "wood",
)
# fmt: on
"""The publisher's names in the order of the numbers, which is that of `pascal_context59`; some of
that preset's are others, such as "street" for "road"."""

SPELLINGS = {"diningtable": "table", "clothes": "cloth", "bedcloth": "bedclothes"}
"""Words of the publisher's `59_labels.txt` for which its `labels.txt` has others."""

THINGS = tuple(SPELLINGS.get(name, name) for name in load_preset("pascal_voc20").names)
# fmt: off
VOC_FIRST = THINGS + (
    "bag", "bed", "bench", "book", "building", "cabinet", "ceiling", "cloth", "computer", "cup",
    "door", "fence", "floor", "flower", "food", "grass", "ground", "keyboard", "light",
    "mountain", "mouse", "curtain", "platform", "sign", "plate", "road", "rock", "shelves",
    "sidewalk", "sky", "snow", "bedclothes", "track", "tree", "truck", "wall", "water",
    "window", "wood",
)
# fmt: on
"""The order of the publisher's `59_labels.txt`, by which OVSeg counts."""


def voc_first(place: epath.Path, labels: str = "59_labels.txt") -> np.ndarray:
    """Returns the class of each label of maps that count VOC's classes first.

    Args:
        place: The folder VOC2010.
        labels: The list by which the maps were made; the order is known without it.

    Returns:
        int32 [59].

    Raises:
        ManualFileError: The list is there and is not of the 59 classes.
    """
    path = place / labels
    names = _listed(path) if path.is_file() else VOC_FIRST
    return np.array([NAMES_59.index(name) for name in names], np.int32)


def _listed(path: epath.Path) -> list[str]:
    """Reads the names of lines "number: name": line k is label k - 1, whatever its number."""
    lines = path.read_text(encoding="utf-8-sig").strip().splitlines()
    names = [_plain(line.rpartition(":")[2]) for line in lines]
    if sorted(names) != sorted(NAMES_59):
        lost = sorted(set(NAMES_59) - set(names)) or names
        raise ManualFileError(
            f"{path}: its {len(lines)} lines are not the 59 classes once each; not found: "
            f"{first_few(lost, 5)}"
        )
    return names


def check_numbers(path: epath.Path) -> None:
    """Compares the publisher's `labels.txt`, "number: name" a line, with the numbers known here.

    Raises:
        ManualFileError: It is missing, or one of the 59 classes has another number there.
    """
    numbers: dict[str, str] = {}
    text = require_file(path, "the names of the 459 labels").read_text(encoding="utf-8-sig")
    for line in text.splitlines():
        number, _, name = line.partition(":")
        numbers[_plain(name)] = number.strip()
    for name, raw in zip(NAMES_59, RAW_59[1:], strict=True):
        if numbers.get(name) != str(raw):
            raise ManualFileError(
                f"{path}: {name!r} should have the number {raw}, found {numbers.get(name)}; is "
                "the file of another version?"
            )


def _plain(name: str) -> str:
    """Returns the publisher's own name, for one of the preset too; others come back joined."""
    joined = folded(name).replace(" ", "")
    joined = SPELLINGS.get(joined, joined)
    index = None if joined in NAMES_59 else finder(load_preset("pascal_context59"))(name)
    return joined if index is None else NAMES_59[index]
