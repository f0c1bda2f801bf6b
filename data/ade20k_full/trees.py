"""Where the full ADE20K lies: the release, its parquet copy, and what detectron2's scripts make."""

from __future__ import annotations

import numpy as np
from etils import epath

from data.ade20k_full.parquet import parquet_files
from data.checks.layout import IDS, LabelMaps, OtherForm
from data.checks.of_trees import maps_of_table
from data.label_map_files import label_table
from data.segments import VOID
from data.trees import Folder, Tree
from ovseg_jax.vocabulary.classes import load_preset

FOLDERS = {"train": "training", "validation": "validation"}
COUNTS = {"train": 25_574, "validation": 2_000}
"""Photos of the published set."""
RELEASE = "ADE20K_2021_17_01"
IMAGES, PREPARED = "images/ADE", "annotations_detectron2"
PARTS = (IMAGES, PREPARED)
CLASSES, IGNORED = 847, 2**16 - 1
SEGMENTS = "_seg.png"
CODES = 26 * 256
"""One more than the highest class of the release: red // 10 * 256 + green."""
RAW = OtherForm(
    CODES - 1,
    "raw labels where prepared ones are expected",
    "these are numbers of the release, of which 847 are classes; make the maps with the script",
)


def places(root: epath.Path) -> tuple[epath.Path, ...]:
    """Returns the folder of the release, also one level off; where it may be if none is there."""
    choices = (root / RELEASE, root / "ade" / RELEASE, root)
    for place in choices:
        parts = any((place / part).is_dir() for part in PARTS)
        if parts or any(parquet_files(place, split) for split in FOLDERS):
            return (place,)
    return choices


def has_prepared(place: epath.Path, split: str) -> bool:
    """Whether the scripts' maps are there."""
    return (place / PREPARED / FOLDERS[split]).is_dir()


def tree_of(found: tuple[epath.Path, ...], split: str, original: bool) -> Tree:
    """Says where the files of a split lie, in the order in which the reader looks.

    Args:
        found: See `places`.
        split: "train" or "validation".
        original: Whether photos of the scripts do not count.
    """
    if not original and has_prepared(found[0], split):
        return prepared_tree(found[0], split)
    release = tuple(place / IMAGES / FOLDERS[split] for place in found)
    rows = tuple(parquet_files(found[0], split)) if not release[0].is_dir() else ()
    return Tree(
        Folder(release, "the photos", ".jpg", deep=True),
        Folder(release, "the label maps", SEGMENTS, deep=True),
        LabelMaps(IDS, 1, CODES - 1, frozenset(), index=_class_of_colour),
        others=rows,
        expected=COUNTS[split],
        upright=False,
    )


def is_parquet(tree: Tree) -> bool:
    """Whether rows of parquet files take the place of photos and maps."""
    return bool(tree.others)


def prepared_tree(place: epath.Path, split: str) -> Tree:
    """Says where the photos and maps of the scripts lie."""
    return Tree(
        Folder((place / "images_detectron2" / FOLDERS[split],), "the photos", ".jpg"),
        Folder((place / PREPARED / FOLDERS[split],), "the label maps", ".tif"),
        maps_of_table(prepared_table(), 16, (RAW,)),
        expected=COUNTS[split],
    )


def prepared_table() -> np.ndarray:
    """Returns int32 [65536]: the class of each label of the scripts' maps."""
    return label_table(0, CLASSES, [IGNORED], IGNORED + 1)


def class_table() -> np.ndarray:
    """Returns int32 [table]: the class index of each class of the release, else `VOID`."""
    table = np.full(CODES, VOID, np.int32)
    for index, entry in enumerate(load_preset("ade847").classes):
        if entry.original_id is not None:
            table[entry.original_id] = index
    return table


def code_of(colours: np.ndarray | int) -> np.ndarray | int:
    """Returns the release's number of colours R + 256 G + 65536 B."""
    return colours % 256 // 10 * 256 + colours // 256 % 256


_TABLE = class_table()


def _class_of_colour(value: int) -> int:
    return int(_TABLE[code_of(value)])
