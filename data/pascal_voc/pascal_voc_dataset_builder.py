"""TFDS builder of PASCAL VOC 2012's semantic segmentation, with and without background.

Read are the publisher's tree (`VOC2012/SegmentationClass`, palette pictures whose indices are the
labels: 0 background, 1 to 20 the classes, 255 their border), and what people have prepared of it:
FC-CLIP's `pascal_voc_d2` and the folders that OVSeg and CAT-Seg write into `VOC2012`.
"""

from __future__ import annotations

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data.label_map_files import (
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    label_table,
    maps_in,
    photos_of,
)
from data.manual_files import ManualFileError, require_file
from ovseg_jax.vocabulary.classes import ClassList, load_preset

LISTS = {"train": "train.txt", "validation": "val.txt"}
FOLDERS = {"train": "training", "validation": "validation"}
BORDER = 255
HINT = (
    "the publisher's maps hold 0 to 20, prepared ones of 20 classes 0 to 19, all of them 255; are "
    "these raw maps in a prepared folder, or maps of another set?"
)
PRESETS = {"pas20": "pascal_voc20", "pas21": "pascal_voc21"}


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root
    return load_preset(PRESETS[config.removesuffix("_train") or "pas20"])


class Builder(LabelMapBuilder):
    """VOC 2012 photos with a region per class."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("pas20", "pas21")
    COUNTS = {"train": 1464, "validation": 1449}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder VOCdevkit (or VOC2012 in it) with JPEGImages/, SegmentationClass/ and "
        "ImageSets/Segmentation/, or the prepared folder pascal_voc_d2, or one that holds them, as "
        "manual_dir. See data/pascal_voc/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds the files of a split in any of the known trees."""
        config = self.builder_config
        return find_split(root, split, bool(config and config.name.startswith("pas21")))


def find_split(root: epath.Path, split: str, background: bool) -> Files:
    """Finds the files of a split in any of the known trees.

    Args:
        root: The user's folder.
        split: "train" or "validation".
        background: Whether background is a class.

    Raises:
        ManualFileError: None of the trees is there, or files are missing.
    """
    count = 21 if background else 20
    for place in (root / "pascal_voc_d2", root):
        maps = place / f"annotations_pascal{count}" / FOLDERS[split]
        if maps.is_dir():
            table = label_table(0, count, [BORDER])
            return _files(maps, place / "images" / FOLDERS[split], table)
    place = first_folder([root / "VOCdevkit" / "VOC2012", root / "VOC2012", root], "VOC2012")
    if (place / "SegmentationClass").is_dir():
        return _published(place, split, background)
    maps = place / f"annotations_detectron2{'_bg' if background else ''}" / "val"
    if maps.is_dir() and split == "validation":
        return _files(maps, place / "JPEGImages", _table_of_cat_seg(background))
    raise ManualFileError(
        f"{root}: holds neither SegmentationClass/ (in VOCdevkit/VOC2012) nor "
        f"annotations_pascal{count}/{FOLDERS[split]} (in pascal_voc_d2)"
    )


def _table_of_cat_seg(background: bool) -> np.ndarray:
    """OVSeg and CAT-Seg count classes from 0; background, where CAT-Seg has it, comes last."""
    table = label_table(0, 20, [BORDER])
    if background:
        table[:20] += 1
        table[20] = 0
    return table


def _files(maps: epath.Path, photos: epath.Path, table: np.ndarray) -> Files:
    found = maps_in(maps, ".png")
    return Files(photos_of(found, photos), found, table, hint=HINT)


def _published(place: epath.Path, split: str, background: bool) -> Files:
    """The publisher's tree: a list of names says what belongs to a split."""
    listed = require_file(place / "ImageSets" / "Segmentation" / LISTS[split], "the list of photos")
    names = listed.read_text().split()
    known = maps_in(place / "SegmentationClass", ".png")
    if missing := [name for name in names if name not in known]:
        raise ManualFileError(
            f"{place / 'SegmentationClass'}: {len(missing)} of {len(names)} maps are missing, such "
            f"as {missing[0]}.png"
        )
    maps = {name: known[name] for name in names}
    table = label_table(0, 21, [BORDER]) if background else label_table(1, 20, [0, BORDER])
    return Files(photos_of(names, place / "JPEGImages"), maps, table, hint=HINT)
