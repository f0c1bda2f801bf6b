"""Where the files of LVIS v1 lie: beside COCO's photos as detectron2 has it, or among them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from etils import epath

from data.checks.describe import listed_objects, read_objects
from data.lvis.annotations import LvisFile
from data.trees import Folder, Reading, Tree, with_parts
from ovseg_jax.vocabulary.classes import ClassList

TRAIN, VALIDATION = "lvis_v1_train.json", "lvis_v1_val.json"
MINIVAL = "lvis_v1_minival_inserted_image_name.json"
"""GLIP's list of the photos of `VALIDATION` that lie in COCO's val2017."""
FILES = {"train": (TRAIN,), "validation": (VALIDATION,), "minival": (VALIDATION, MINIVAL)}
"""The annotation file of each split, the better one first."""
PHOTOS = {
    "train": ("train2017",),
    "validation": ("val2017", "train2017"),
    "minival": ("val2017",),
}
COUNTS = {"train": 100_170, "validation": 19_809, "minival": 4_809}
"""Photos of the published set."""


def trees_of(root: str, splits: Sequence[str], classes: ClassList) -> dict[str, Tree]:
    """Says where the files of some splits lie.

    Args:
        root: The folder that was given.
        splits: Of `FILES`.
        classes: Whose positions the categories are.
    """
    folder = epath.Path(root)
    photos = with_parts((folder / "coco", folder), "train2017", "val2017")
    places = (folder / "lvis", folder / "annotations", folder)
    return {
        split: Tree(
            Folder(photos, "the photos of COCO 2017", ".jpg", within=PHOTOS[split]),
            lists=tuple(place / name for name in FILES[split] for place in places),
            read_list=functools.partial(_read, split=split, classes=classes),
            expected=COUNTS[split],
            upright=False,
        )
        for split in splits
    }


def is_of(split: str, name: str) -> bool:
    """Minival is what of validation lies in val2017, as GLIP chose it; other splits are whole."""
    return split != "minival" or not name.startswith("train2017/")


def _read(path: epath.Path, split: str, classes: ClassList) -> Reading:
    """Reads what is listed of a split, for checks."""
    if not path.is_file():
        return None, {}, []  # told as needed
    file, index, problems = read_objects(Path(path), classes, kind=LvisFile)
    if file is None:
        return None, {}, problems
    said = listed_objects(file).items()
    return {Path(k).stem: x for k, x in said if is_of(split, k)}, index, problems
