"""TFDS builder of Cityscapes' fine annotations: 19 classes, semantic or panoptic.

Semantic maps are `*_labelTrainIds.png` where cityscapesScripts has made them, else
`*_labelIds.png`, whose numbers are those of the preset. Panoptic maps are those that its
`createPanopticImgs.py` writes into `gtFine/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data.coco_panoptic.coco_panoptic_dataset_builder import decode_segments
from data.features import segmentation_example
from data.label_map_files import (
    UNKNOWN,
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    label_table,
    tell_count,
)
from data.manual_files import (
    ManualFileError,
    read_png,
    read_upright,
    require_file,
    require_folder,
)
from data.segments import VOID
from ovseg_jax.vocabulary.classes import ClassList, load_preset

FOLDERS = {"train": "train", "validation": "val"}
PHOTO, TRAIN_IDS, LABEL_IDS = (
    "_leftImg8bit.png",
    "_gtFine_labelTrainIds.png",
    "_gtFine_labelIds.png",
)
HIGHEST_LABEL = 33


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("cityscapes19")


class Builder(LabelMapBuilder):
    """Photos of streets with a region per class, or a segment per thing."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("semantic", "panoptic")
    COUNTS = {"train": 2975, "validation": 500}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder that holds leftImg8bit/ and gtFine/ (or cityscapes/ with them) as "
        "manual_dir. See data/cityscapes/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds photos and semantic maps, city by city."""
        place = find_root(root)
        folder = require_folder(place / "leftImg8bit" / FOLDERS[split], "the photos")
        photos = {
            f"{path.parent.name}/{path.name.removesuffix(PHOTO)}": path
            for path in sorted(folder.glob(f"*/*{PHOTO}"))
        }
        if not photos:
            raise ManualFileError(f"no photo found; expected files {folder}/<city>/*{PHOTO}")
        labels = place / "gtFine" / FOLDERS[split]
        made = any((labels / f"{name}{TRAIN_IDS}").is_file() for name in photos)
        maps = {name: labels / f"{name}{TRAIN_IDS if made else LABEL_IDS}" for name in photos}
        return Files(photos, maps, train_id_table() if made else label_id_table())

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.builder_config.name.startswith("semantic"):
            yield from super()._generate_examples(root, split)
            return
        place, folder = find_root(root), FOLDERS[split]
        maps = place / "gtFine" / f"cityscapes_panoptic_{folder}"
        annotations = _annotations(maps.with_suffix(".json"))
        tell_count(len(annotations), self.COUNTS[split], f"{self.name} {split}")
        for item in annotations:
            path = maps / item["file_name"]
            colors = read_png(path, "RGB", "the panoptic map")
            segments = decode_segments(colors, item["segments_info"], class_index(), str(path))
            name = str(item["image_id"])
            photo = place / "leftImg8bit" / folder / name.split("_")[0] / f"{name}{PHOTO}"
            content = read_upright(photo, segments.ids.shape)
            yield name, segmentation_example(content, segments, (), photo.name)


def class_index() -> dict[int, int]:
    """Returns the class index of each of the 19 label ids."""
    classes = load_preset("cityscapes19").classes
    return {x.original_id: n for n, x in enumerate(classes) if x.original_id is not None}


def train_id_table() -> np.ndarray:
    """The class of each train id; 255 is ignored."""
    return label_table(0, 19, [255])


def label_id_table() -> np.ndarray:
    """The class of each label id; those that are not evaluated are ignored."""
    table = np.full(256, UNKNOWN, np.int32)
    table[: HIGHEST_LABEL + 1] = table[255] = VOID
    table[list(class_index())] = list(class_index().values())
    return table


def find_root(root: epath.Path) -> epath.Path:
    """Returns the folder of `leftImg8bit` and `gtFine`, also where it lies one level off."""
    choices = [root, root / "cityscapes", root / "cityscape"]
    photos = first_folder([place / "leftImg8bit" for place in choices], "Cityscapes' photos")
    return photos.parent


def _annotations(path: epath.Path) -> list[dict[str, Any]]:
    require_file(path, "the panoptic annotations, which createPanopticImgs.py makes,")
    try:
        items = json.loads(path.read_text())["annotations"]
        used = {info["category_id"] for item in items for info in item["segments_info"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ManualFileError(f"{path}: is no panoptic file of Cityscapes: {error}") from error
    if unknown := sorted(used - set(class_index())):
        raise ManualFileError(
            f"{path}: category {unknown[0]} is none of the 19 label ids 7 to 33; was the file made "
            "with --use-train-id? Make it without"
        )
    return items
