"""TFDS builder of COCO panoptic 2017 from the publisher's files.

A segment is one thing or one stuff region of the panoptic annotation. Crowds are kept as such:
scores excuse what lies on them, and training takes them for void, as the mapper of Mask2Former
and FC-CLIP does. Categories are positions in the preset
`coco_panoptic133` (80 things, then 53 stuff, in the order of their ids), found by the names that
the file's `categories` give to its ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.describe import files_by_name, panoptic_part
from data.checks.layout import IDS, LabelMaps, Layout, Needed
from data.features import segmentation_example, segmentation_features
from data.manual_files import read_picture, require_folder
from data.panoptic import decode_segments, read_panoptic_file
from ovseg_jax.vocabulary.classes import ClassList, load_preset

__all__ = ["COUNTS", "Builder", "category_to_index", "class_list", "decode_segments", "layout"]

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
        path = root / "annotations" / f"panoptic_{folder}.json"
        listed = read_panoptic_file(path, class_list("", ""))
        for entry in listed.entries:
            name = entry["file_name"]
            segments = listed.segments(entry, maps)
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


def _map_folder(root: epath.Path, folder: str) -> epath.Path:
    """The publisher's archive unpacks inside annotations/; most users move it beside."""
    inside = root / "annotations" / f"panoptic_{folder}"
    if inside.is_dir():
        return inside
    return require_folder(root / f"panoptic_{folder}", "the panoptic maps")
