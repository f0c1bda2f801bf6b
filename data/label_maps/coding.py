"""What the numbers in label maps mean, and why some of them may mean nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from etils import epath

from data.label_map_files import UNKNOWN
from data.label_pictures import SIXTEEN_BITS, stored_labels
from data.manual_files import ManualFileError
from data.segments import VOID, Segments, decode_regions
from ovseg_jax.foundation.errors import first_few

LABELS = 2**16
"""How many labels maps of 16 bits can hold."""
MODES = ("1", "L", "P", *SIXTEEN_BITS)
"""Kinds of pictures that hold labels; those of one bit hold 0 and 1."""
SHOWN = 8
STRETCHED = "8 bits seem to be stretched to 16; divide the labels by 257, or by 256"


@dataclasses.dataclass(frozen=True)
class Coding:
    """The meaning of labels.

    Attributes:
        count: Number of classes.
        first: Label of class 0; lower ones are no class. Without meaning where `remap` is given.
        ignore: Labels of pixels that no class is asked of.
        remap: Class index of each label, `VOID` for none; None where labels count classes.
    """

    count: int
    first: int = 0
    ignore: tuple[int, ...] = (255,)
    remap: Mapping[int, int] | None = None

    @property
    def last(self) -> int:
        """The highest label of a class."""
        if self.remap is None:
            return self.first + self.count - 1
        return max(label for label, index in self.remap.items() if index != VOID)

    def table(self) -> np.ndarray:
        """Returns int32 [LABELS]: class index, `VOID` or `UNKNOWN` for each label."""
        table = np.full(LABELS, UNKNOWN, np.int32)
        if self.remap is None:
            table[: self.first] = VOID
            table[self.first : self.first + self.count] = np.arange(self.count)
        else:
            table[list(self.remap)] = list(self.remap.values())
        table[list(self.ignore)] = VOID
        return table

    def told(self) -> str:
        """Says which labels are known."""
        if self.remap is not None:
            known = f"those that are listed: {first_few(sorted(self.remap), SHOWN)}"
        else:
            known = f"{self.first} to {self.last}"
        return f"{known}; ignored: {', '.join(map(str, self.ignore)) or 'none'}"


def read_regions(path: epath.Path, coding: Coding, table: np.ndarray) -> tuple[Segments, set[int]]:
    """Reads a map: everything of one class is one segment.

    Args:
        path: PNG or TIFF.
        coding: What its numbers mean.
        table: The same as a table.

    Returns:
        The segments, and which labels there are.

    Raises:
        ManualFileError: It cannot be read as labels, or one of them means nothing; the message
            says what the cause may be.
    """
    labels, mode = stored_labels(path, MODES)
    if mode not in SIXTEEN_BITS and coding.last > 255:
        raise ManualFileError(
            f"{path}: has 8 bits, and labels go up to {coding.last}; numbers above 255 are lost "
            "where such a map is written with 8, so write it anew with 16"
        )
    found = np.unique(labels)
    legal = (found >= 0) & (found < LABELS)
    known = legal & (table[np.where(legal, found, 0)] != UNKNOWN)
    if not known.all():
        wrong = found[~known]
        raise ManualFileError(
            f"{path}: label {first_few(wrong.tolist(), SHOWN)} is none of the {coding.count} "
            f"classes (labels {coding.told()}); {likely_cause(found, wrong, coding, mode)}"
        )
    return decode_regions(labels, table), set(found.tolist())


def likely_cause(found: np.ndarray, wrong: np.ndarray, coding: Coding, mode: str) -> str:
    """Returns why labels of a map may mean nothing, and what to do.

    Args:
        found: All labels of the map, rising.
        wrong: Those that mean nothing.
        coding: What labels should mean.
        mode: Of the picture.
    """
    if coding.remap is not None:
        return (
            "give it a name where names are numbered; else list it under 'remap', with null where "
            "it is no class, or under 'ignore'"
        )
    if wrong.tolist() == [coding.last + 1]:
        return (
            f"labels seem to be one level off: where they count from {coding.first + 1}, set "
            f"'first: {coding.first + 1}'; else 'names' lacks the last class"
        )
    if mode == "P":
        return (
            "these are places in the picture's palette, which programs number as they like where "
            "they turn colours into one; write the number of each class instead"
        )
    if is_stretched(wrong):
        return STRETCHED
    if len(found) <= max(coding.count + len(coding.ignore), 2):
        shown = first_few(found.tolist(), SHOWN)
        return f"where the labels {shown} are the classes, 'remap' can say which is which"
    return "is this map of another set, or does 'names' lack classes?"


def is_stretched(wrong: np.ndarray) -> bool:
    """Whether all labels look like those of 8 bits, spread over 16."""
    return bool(wrong.min() > 255 and ((wrong % 257 == 0).all() or (wrong % 256 == 0).all()))
