"""Label maps of a folder of photos: numbers that `classes.txt` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from etils import epath

from data.label_map_files import UNKNOWN
from data.label_maps.coding import LABELS, MODES, STRETCHED, is_stretched
from data.label_maps.coding_fields import coding_of
from data.label_maps.names import given_labels
from data.label_pictures import stored_labels
from data.manual_files import ManualFileError
from data.segments import Segments, decode_regions
from ovseg_jax.foundation.errors import first_few, warn
from ovseg_jax.vocabulary.classes import ClassList

IGNORED = 255
"""The label of pixels that no class is asked of, unless a class is numbered so."""
BINARY = (
    "255 is no class where no name is numbered so, and then all of the foreground would be lost; "
    "number the names ('0: background' and '255: object')"
)
UNNAMED = (
    "give it a name ('9: road', with a number before all names), or is this map of another set? "
    "What labels of other forms mean can be said in a dataset.yaml (data/label_maps/README.md)"
)
SHOWN = 8


def table_of(classes: ClassList) -> np.ndarray:
    """Returns int32 [LABELS]: class index, `VOID` or `UNKNOWN` for each label.

    Labels below the first that has a name are no class, and so is 255 without a name.
    """
    return coding_of({}, classes, classes.name, given_labels(classes)).table()


class LabelDecoder:
    """Reads label maps of 1, 8 or 16 bits; everything of one class is one segment.

    Attributes:
        seen: All labels that were read.
    """

    def __init__(self, classes: ClassList):
        """Starts with nothing seen.

        Args:
            classes: See `data.label_names.read_label_names`.
        """
        self.seen: set[int] = set()
        self._classes, self._table = classes, table_of(classes)

    def __call__(self, root: epath.Path, entry: Mapping[str, Any]) -> Segments:
        """Reads the map of one photo.

        Args:
            root: Folder of the photos.
            entry: The photo's entry in the manifest.

        Raises:
            ManualFileError: It cannot be read as labels, or one of them has no name.
        """
        path = root / entry["gt"]
        labels, mode = stored_labels(path, MODES)
        found = np.unique(labels)
        legal = (found >= 0) & (found < LABELS)
        known = legal & (self._table[np.where(legal, found, 0)] != UNKNOWN)
        if not known.all():
            wrong = found[~known]
            raise ManualFileError(
                f"{path}: label {first_few(wrong.tolist(), SHOWN)} is none of the "
                f"{len(self._classes)} classes of {entry['set']!r}; {likely_cause(wrong, mode)}"
            )
        self.seen.update(found.tolist())  # photos are decoded by several threads
        return decode_regions(labels, self._table)

    def tell(self, root: epath.Path) -> None:
        """Warns of masks of 0 and 255 whose foreground was void."""
        if self.seen == {0, IGNORED} and is_binary_mistake(self._classes):
            warn(f"{root}: all label maps hold 0 and {IGNORED} only; {BINARY}")


def is_binary_mistake(classes: ClassList) -> bool:
    """Whether maps of 0 and 255 only would lose a class."""
    return len(classes) > 1 and IGNORED not in given_labels(classes)


def likely_cause(wrong: np.ndarray, mode: str) -> str:
    """Says why labels may have no name, and what to do.

    Args:
        wrong: The labels.
        mode: Pillow's word for the picture's colours.
    """
    if is_stretched(wrong):
        return STRETCHED
    if mode == "P":
        return (
            "these are places in the picture's palette, which programs number as they like where "
            f"they turn colours into one. {UNNAMED}"
        )
    return UNNAMED
