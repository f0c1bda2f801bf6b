"""Numbers and orders of PASCAL-Context's 59 classes."""

from __future__ import annotations

import numpy as np
from etils import epath

from data.manual_files import ManualFileError, require_file
from ovseg_jax.vocabulary.classes import load_preset
from ovseg_jax.vocabulary.matching import finder

# fmt: off
RAW_59 = (
    0, 2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113,
    115, 144, 158, 159, 162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326,
    347, 349, 354, 355, 360, 366, 368, 397, 415, 416, 420, 424, 427, 440, 445, 454, 458,
)
# fmt: on
"""Categories of `trainval_merged.json`: 0 is void, the others are the 59 classes in turn."""


def order_in(path: epath.Path) -> np.ndarray:
    """Returns int32 [59]: the class of each label of maps that were made by a list of names.

    Args:
        path: OVSeg's `59_labels.txt`; line k, "number: name" or a name alone, is label k - 1.

    Raises:
        ManualFileError: It is missing, or its lines are not the 59 classes once each.
    """
    text = require_file(path, "the list that says which class each label is").read_text()
    find = finder(load_preset("pascal_context59"))
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        number, colon, name = line.partition(":")
        raw = int(number) if colon and number.strip().isdigit() else -1
        found.append(RAW_59.index(raw) - 1 if raw in RAW_59[1:] else find(name or line))
    if sorted(index for index in found if index is not None) != list(range(59)):
        raise ManualFileError(f"{path}: its {len(found)} lines are not the 59 classes once each")
    return np.array(found, np.int32)
