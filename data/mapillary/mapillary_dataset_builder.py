"""TFDS builder of Mapillary Vistas v1.2: 65 classes, semantic or panoptic.

Three trees hold these labels: that of v1.2, the same with the panoptic file one level up
(MaskCLIP++), and the folders `v1.2/` of the download of v2.0. The 124 classes of v2.0 itself are
another set and refused.
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
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    label_table,
    maps_in,
    photos_of,
    tell_count,
)
from data.manual_files import ManualFileError, read_png, read_upright
from ovseg_jax.vocabulary.classes import ClassList, load_preset

FOLDERS = {"train": "training", "validation": "validation"}
CLASSES, UNLABELED = 65, 65
PANOPTIC = "panoptic_2018.json"


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("mapillary65")


class Builder(LabelMapBuilder):
    """Photos of streets with a region per class, or a segment per thing."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("semantic", "panoptic")
    COUNTS = {"train": 18_000, "validation": 2_000}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder that holds training/ and validation/ (or mapillary_vistas/ with them) as "
        "manual_dir. See data/mapillary/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds photos and semantic maps."""
        place = find_split(root, split)
        maps = maps_in(labels_in(place) / "labels", ".png")
        table = label_table(0, CLASSES, [UNLABELED])
        hint = "labels of v2.0 have 124 classes; give those of v1.2"
        return Files(photos_of(maps, place / "images"), maps, table, hint=hint)

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.builder_config.name.startswith("semantic"):
            yield from super()._generate_examples(root, split)
            return
        place = find_split(root, split)
        maps = labels_in(place) / "panoptic"
        annotations = _annotations(maps)
        tell_count(len(annotations), self.COUNTS[split], f"{self.name} {split}")
        for item in annotations:
            path = maps / item["file_name"]
            colors = read_png(path, "RGB", "the panoptic map")
            known = [x for x in item["segments_info"] if x["category_id"] <= CLASSES]
            ignored = {x["id"] for x in item["segments_info"]} - {x["id"] for x in known}
            index = {number + 1: number for number in range(CLASSES)}
            colors = _without(colors, ignored)
            segments = decode_segments(colors, known, index, str(path))
            photo = photos_of([path.stem], place / "images")[path.stem]
            content = read_upright(photo, segments.ids.shape)
            yield path.stem, segmentation_example(content, segments, (), photo.name)


def find_split(root: epath.Path, split: str) -> epath.Path:
    """Returns the folder of a split, also where the set lies one level off."""
    choices = [root / FOLDERS[split], root / "mapillary_vistas" / FOLDERS[split]]
    return first_folder(choices, f"Mapillary Vistas' {split} photos")


def labels_in(place: epath.Path) -> epath.Path:
    """Returns the folder of the labels of v1.2.

    Raises:
        ManualFileError: There are none, or only those of v2.0.
    """
    found = next((p for p in (place / "v1.2", place) if (p / "labels").is_dir()), None)
    if found is None and (place / "v2.0").is_dir():
        raise ManualFileError(
            f"{place}: holds labels of v2.0 (124 classes) only; the published protocol has the 65 "
            f"classes of v1.2, in {place / 'v1.2'} of the same download"
        )
    if found is None:
        raise ManualFileError(f"the label maps not found; expected the folder {place / 'labels'}")
    return found


def _annotations(maps: epath.Path) -> list[dict[str, Any]]:
    """Reads the panoptic file, inside the folder of its maps or beside it."""
    choices = (maps / PANOPTIC, maps.parent / PANOPTIC)
    path = next((path for path in choices if path.is_file()), None)
    if path is None:
        expected = " or ".join(map(str, choices))
        raise ManualFileError(f"the panoptic annotations not found; expected {expected}")
    try:
        content = json.loads(path.read_text())
        items, categories = content["annotations"], len(content["categories"])
        used = {info["category_id"] for item in items for info in item["segments_info"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ManualFileError(f"{path}: is no panoptic file of Mapillary: {error}") from error
    if categories > CLASSES + 1 or used - set(range(1, CLASSES + 2)):
        raise ManualFileError(
            f"{path}: has {categories} categories; v1.2 has 65 and 'unlabeled', numbered from 1"
        )
    return items


def _without(colors: np.ndarray, ids: set[int]) -> np.ndarray:
    """Makes segments void."""
    if not ids:
        return colors
    raw = colors.astype(np.int32) @ np.asarray([1, 256, 65536], np.int32)
    return np.where(np.isin(raw, list(ids))[..., None], 0, colors).astype(np.uint8)
