"""TFDS builder of COCO panoptic 2017 from the publisher's files.

A segment is one thing or one stuff region of the panoptic annotation. Crowds are kept as such:
scores excuse what lies on them, and training takes them for void, as the mapper of Mask2Former
and FC-CLIP does. Categories are positions in the preset
`coco_panoptic133` (80 things, then 53 stuff, in the order of their ids), found by the names that
the file's `categories` give to its ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data.categories import class_indices, read_categories
from data.checks.describe import files_by_name, panoptic_part
from data.checks.layout import IDS, LabelMaps, Layout, Needed
from data.features import segmentation_example, segmentation_features
from data.manual_files import (
    ManualFileError,
    read_picture,
    read_png,
    require_file,
    require_folder,
)
from data.segments import Segments
from ovseg_jax.vocabulary.classes import ClassList, load_preset

SPLIT_FOLDERS = {"train": "train2017", "validation": "val2017"}
COUNTS = {"train": 118287, "validation": 5000}
"""Photos of the published set."""


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("coco_panoptic133")


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    folder, classes = Path(root), class_list(root, config)
    parts, problems, needed = {}, [], []
    for split in ["validation"] if config == "validation" else SPLIT_FOLDERS:
        name = SPLIT_FOLDERS[split]
        places = f"panoptic_{name}", f"annotations/panoptic_{name}"
        maps = next((folder / x for x in places[::-1] if (folder / x).is_dir()), folder / places[0])
        annotations = f"annotations/panoptic_{name}.json"
        needed += [
            Needed((name,), "the photos", ".jpg"),
            Needed(places, "the panoptic maps", ".png"),
            Needed((annotations,), "the panoptic annotations"),
        ]
        photos, labels = files_by_name(folder / name, ".jpg"), files_by_name(maps, ".png")
        source = folder / annotations
        parts[split], wrong = panoptic_part(photos, labels, source, classes, COUNTS[split])
        problems += wrong
    return Layout(folder, parts, len(classes), LabelMaps(IDS), needed, problems=problems)


class Builder(tfds.core.GeneratorBasedBuilder):
    """COCO 2017 photos with panoptic segments of 133 classes."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {"1.0.0": "First version.", "2.0.0": "Crowds are kept."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="full", description="train2017 and val2017."),
        tfds.core.BuilderConfig(name="validation", description="val2017 only."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the COCO folder as manual_dir. It should hold train2017/ and val2017/ (photos), "
        "annotations/panoptic_train2017.json and panoptic_val2017.json, and the PNG folders "
        "panoptic_train2017/ and panoptic_val2017/ (beside annotations/ or inside it). "
        "See data/coco_panoptic/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=segmentation_features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root = epath.Path(dl_manager.manual_dir)
        wanted = ["validation"] if self.builder_config.name == "validation" else SPLIT_FOLDERS
        return {split: self._generate_examples(root, SPLIT_FOLDERS[split]) for split in wanted}

    def _generate_examples(
        self, root: epath.Path, folder: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        pictures = require_folder(root / folder, "the photos")
        maps = _map_folder(root, folder)
        annotations, class_index = _annotations(root / "annotations" / f"panoptic_{folder}.json")
        for annotation in annotations:
            name = annotation["file_name"]
            colors = read_png(maps / name, "RGB", "the panoptic map")
            segments = decode_segments(
                colors, annotation["segments_info"], class_index, str(maps / name)
            )
            photo = epath.Path(name).with_suffix(".jpg").name
            content = read_picture(pictures / photo, segments.ids.shape)
            key = epath.Path(name).stem
            yield key, segmentation_example(content, segments, (), photo)


def category_to_index() -> dict[int, int]:
    """Returns the class index of each of COCO's own 133 category ids."""
    return {
        entry.original_id: index
        for index, entry in enumerate(load_preset("coco_panoptic133").classes)
        if entry.original_id is not None
    }


def decode_segments(
    colors: np.ndarray,
    segments_info: list[Mapping[str, Any]],
    class_index: Mapping[int, int],
    source: str,
) -> Segments:
    """Finds the segments that a panoptic PNG holds in their list.

    Args:
        colors: uint8 [H, W, 3]; a segment's id is R + 256 G + 65536 B, 0 is void.
        segments_info: The publisher's list, with "id", "category_id" and "iscrowd".
        class_index: Class index of each category id.
        source: Name of the PNG, for messages.

    Returns:
        The segments in the order of the list, without those that have no pixel.

    Raises:
        ManualFileError: If the PNG holds an id that is not listed, or a category is unknown.
    """
    raw = colors.astype(np.int32) @ np.asarray([1, 256, 65536], np.int32)
    present = np.unique(raw)
    listed = {int(info["id"]): info for info in segments_info}
    unlisted = sorted(set(present.tolist()) - set(listed) - {0})
    if unlisted:
        raise ManualFileError(f"{source}: segment {unlisted[0]} is not listed in the annotations")
    numbers = np.zeros(len(present), np.int32)
    categories: list[int] = []
    crowds: list[bool] = []
    for segment, info in listed.items():
        position = int(np.searchsorted(present, segment))
        if position == len(present) or present[position] != segment:
            continue
        if info["category_id"] not in class_index:
            raise ManualFileError(
                f"{source}: category {info['category_id']} is not one of the 133 panoptic classes"
            )
        categories.append(class_index[info["category_id"]])
        crowds.append(bool(info.get("iscrowd")))
        numbers[position] = len(categories)
    return Segments(numbers[np.searchsorted(present, raw)], categories, crowds)


def _annotations(path: epath.Path) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """Reads the annotations, and which class each of the file's category ids is, by its name."""
    content = require_file(path, "the panoptic annotations").read_text()
    try:
        read = json.loads(content)
        annotations = read["annotations"]
        used = {info["category_id"] for item in annotations for info in item["segments_info"]}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ManualFileError(
            f"{path}: not a COCO panoptic file with a list 'annotations': {error}"
        ) from error
    names = read_categories(read, str(path))
    return annotations, class_indices(names, used, class_list("", ""), str(path))


def _map_folder(root: epath.Path, folder: str) -> epath.Path:
    """The publisher's archive unpacks inside annotations/; most users move it beside."""
    inside = root / "annotations" / f"panoptic_{folder}"
    if inside.is_dir():
        return inside
    return require_folder(root / f"panoptic_{folder}", "the panoptic maps")
