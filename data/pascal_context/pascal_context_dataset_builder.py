"""TFDS builder of PASCAL-Context with 59 and with 459 classes.

Two ground truths are in use, and two orders of the 59 classes:

* `trainval_merged.json` and the folders that FC-CLIP's family prepares from it
  (`pascal_ctx_d2/annotations_ctx59`): classes in the order of their numbers, that is of the
  alphabet;
* the publisher's `trainval/*.mat` (459 classes), from which OVSeg also takes 59, VOC's 20 first.

OVSeg and CAT-Seg call their folder of 59 classes `pc59_val` alike, and order it differently: label
1 is "bicycle" in one and "bag" in the other. Such a folder is read only when the config says which.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

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
from data.manual_files import ManualFileError, read_upright, require_file
from data.pascal_context.orders import RAW_59, order_in
from data.segments import Segments, decode_regions
from ovseg_jax.errors import MasksError
from ovseg_jax.masks.rle import decode_rle_of
from ovseg_jax.vocabulary.classes import ClassList, load_preset

FOLDERS = {"train": "training", "validation": "validation"}
PHASES = {"train": "train", "validation": "val"}
MERGED = "trainval_merged.json"
LABELS_59 = "59_labels.txt"
HIGHEST = 2**16 - 1


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root
    many = config.startswith("context459")
    return load_preset("pascal_context459" if many else "pascal_context59")


class Builder(LabelMapBuilder):
    """VOC 2010 photos with a region per class."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("context59", "context459", "context59_alphabet", "context59_voc")
    COUNTS = {"train": 4996, "validation": 5104}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give VOCdevkit (or VOC2010 in it) with JPEGImages/ and trainval_merged.json (59 classes) "
        "or trainval/*.mat (459), or the prepared folder pascal_ctx_d2, or one that holds them, as "
        "manual_dir. See data/pascal_context/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds the prepared maps of a split."""
        return find_prepared(root, split, self.builder_config.name.removesuffix("_train"))

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Reads what is prepared where it is there, else the publisher's files."""
        config = self.builder_config.name.removesuffix("_train")
        if has_prepared(root, split, config):
            yield from super()._generate_examples(root, split)
            return
        place = voc_folder(root)
        published = merged_59 if config.startswith("context59") else mat_459
        count = 0
        for name, segments in published(place, split):
            photo = photos_of([name], place / "JPEGImages")[name]
            content = read_upright(photo, segments.ids.shape)
            count += 1
            yield name, segmentation_example(content, segments, (), photo.name)
        tell_count(count, self.COUNTS[split], f"{self.name} {split}")


def voc_folder(root: epath.Path) -> epath.Path:
    """Returns the folder VOC2010."""
    return first_folder([root / "VOCdevkit" / "VOC2010", root / "VOC2010", root], "VOC2010")


def _prepared(root: epath.Path, split: str, many: bool) -> list[epath.Path]:
    """Where FC-CLIP's family keeps its maps."""
    name = "annotations_ctx459" if many else "annotations_ctx59"
    places = (root / "pascal_ctx_d2", root)
    return [p for place in places if (p := place / name / FOLDERS[split]).is_dir()]


def _of_others(root: epath.Path, many: bool) -> epath.Path:
    """Where OVSeg and CAT-Seg keep theirs."""
    return voc_folder(root) / "annotations_detectron2" / ("pc459_val" if many else "pc59_val")


def has_prepared(root: epath.Path, split: str, config: str) -> bool:
    """Whether maps are there that the config wants rather than the publisher's files."""
    many = config == "context459"
    if _prepared(root, split, many):
        return True
    published = voc_folder(root) / ("trainval" if many else MERGED)
    return _of_others(root, many).is_dir() and not (published.exists() and config == "context59")


def find_prepared(root: epath.Path, split: str, config: str) -> Files:
    """Finds prepared maps.

    Raises:
        ManualFileError: There are none, photos are missing, or it is not known which order the 59
            classes have.
    """
    many = config == "context459"
    bits, ending = (16, ".tif") if many else (8, ".png")
    table = label_table(0, 459, [HIGHEST], HIGHEST + 1) if many else label_table(0, 59, [255])
    for maps in _prepared(root, split, many):
        found = maps_in(maps, ending)
        photos = photos_of(found, maps.parents[1] / "images" / FOLDERS[split])
        return Files(photos, found, table, bits)
    maps = _of_others(root, many)
    if config == "context59":
        raise ManualFileError(
            f"{maps}: OVSeg and CAT-Seg write 59 classes there in different orders, and the files "
            "do not say which. Is label 1 'bicycle' (VOC's classes first, as OVSeg has them): "
            f"--config context59_voc, with {LABELS_59} beside; is it 'bag' (by the alphabet, as "
            f"CAT-Seg has them): --config context59_alphabet; or put {MERGED} into "
            f"{maps.parents[1]}, which is then read"
        )
    if split == "train":
        raise ManualFileError(f"{maps}: only validation is prepared there")
    if config == "context59_voc":
        table[:59] = order_in(maps.parents[1] / LABELS_59)
    found = maps_in(maps, ending)
    return Files(photos_of(found, maps.parents[1] / "JPEGImages"), found, table, bits)


def merged_59(place: epath.Path, split: str) -> Iterator[tuple[str, Segments]]:
    """Draws the annotations of each photo in the order of the merged file.

    Raises:
        ManualFileError: The file is missing or damaged, or has a category that is none of 59.
    """
    path = require_file(place / MERGED, "the merged annotations")
    try:
        content = json.loads(path.read_text())
        images = [x for x in content["images"] if x["phase"] == PHASES[split]]
        parts: dict[Any, list[dict[str, Any]]] = {image["image_id"]: [] for image in images}
        for item in content["annos_segmentation"]:
            if item["image_id"] in parts:
                parts[item["image_id"]].append(item)
    except (ValueError, KeyError, TypeError) as error:
        raise ManualFileError(f"{path}: is not PASCAL-Context's merged file: {error}") from error
    table = np.full(max(RAW_59) + 1, -1, np.int32)
    table[list(RAW_59)] = np.arange(-1, 59)
    for image in images:
        labels = np.zeros((image["height"], image["width"]), np.int32)
        for item in parts[image["image_id"]]:
            labels[_mask(item, labels.shape, path)] = _known(item["category_id"], path)
        yield epath.Path(image["file_name"]).stem, decode_regions(labels, table)


def _mask(item: dict[str, Any], size: tuple[int, ...], path: epath.Path) -> np.ndarray:
    try:
        return decode_rle_of(item["segmentation"], (size[0], size[1]))
    except (MasksError, KeyError) as error:
        raise ManualFileError(f"{path}: image {item['image_id']}: {error}") from error


def _known(category: int, path: epath.Path) -> int:
    if category not in RAW_59:
        raise ManualFileError(f"{path}: category {category} is none of the 59 classes")
    return category


def mat_459(place: epath.Path, split: str) -> Iterator[tuple[str, Segments]]:
    """Reads the publisher's MATLAB files of the photos that a list names.

    Raises:
        ManualFileError: A file is missing or has no map, or nothing says which photos are which.
    """
    from scipy.io import loadmat

    table = np.full(460, -1, np.int32)
    table[1:] = np.arange(459)
    for name in _listed(place, split):
        path = require_file(place / "trainval" / f"{name}.mat", "the annotation")
        try:
            labels = loadmat(path)["LabelMap"].astype(np.int64)
        except (ValueError, KeyError, OSError, NotImplementedError) as error:
            raise ManualFileError(f"{path}: holds no 'LabelMap': {error}") from error
        if labels.max(initial=0) > 459:
            raise ManualFileError(f"{path}: label {labels.max()} is none of the 459 classes")
        yield name, decode_regions(labels, table)


def _listed(place: epath.Path, split: str) -> list[str]:
    """The photos of a split: by OVSeg's and CAT-Seg's list, else by the merged file's phases."""
    listed = place / "pascalcontext_val.txt"
    if listed.is_file() and split == "validation":
        return listed.read_text().split()
    merged = place / MERGED
    if not merged.is_file():
        raise ManualFileError(
            f"{place}: nothing says which photos are {split}; put {MERGED} or {listed.name} there"
        )
    images = json.loads(merged.read_text())["images"]
    return [epath.Path(x["file_name"]).stem for x in images if x["phase"] == PHASES[split]]
