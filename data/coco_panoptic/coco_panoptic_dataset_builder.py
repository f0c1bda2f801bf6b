"""TFDS builder of COCO panoptic 2017 from the publisher's files.

A segment is one thing or one stuff region of the panoptic annotation. Crowds are kept as such:
scores excuse what lies on them, and training takes them for void, as the mapper of Mask2Former
and FC-CLIP does. Categories are positions in the preset
`coco_panoptic133` (80 things, then 53 stuff, in the order of their ids), found by the names that
the file's `categories` give to its ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import IDS, LabelMaps, Layout
from data.checks.lists import by_names, panoptic_list
from data.checks.of_trees import layout_of
from data.features import segmentation_example, segmentation_features
from data.manual_files import coco_folder, read_picture, require_folder
from data.panoptic import decode_segments, read_panoptic_file
from data.parallel import in_order
from data.trees import Folder, Tree, config_name
from ovseg_jax.vocabulary.classes import ClassList, load_preset

__all__ = [
    "COUNTS",
    "Builder",
    "category_to_index",
    "class_list",
    "decode_segments",
    "layout",
    "trees",
]

SPLIT_FOLDERS = {"train": "train2017", "validation": "val2017"}
COUNTS = {"train": 118287, "validation": 5000}
"""Photos of the published set."""


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("coco_panoptic133")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    folder, classes = coco_folder(root), class_list(root, config)
    read_list = panoptic_list(by_names(classes))
    found = {}
    for split in ["validation"] if config.startswith("validation") else SPLIT_FOLDERS:
        name = SPLIT_FOLDERS[split]
        places = folder / "annotations" / f"panoptic_{name}", folder / f"panoptic_{name}"
        usual = places if places[0].is_dir() else places[::-1]
        found[split] = Tree(
            Folder((folder / name,), "the photos", ".jpg"),
            Folder(usual, "the panoptic maps", ".png"),
            LabelMaps(IDS),
            (folder / "annotations" / f"panoptic_{name}.json",),
            read_list,
            expected=COUNTS[split],
            upright=False,
        )
    return found


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


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
        found = trees(str(dl_manager.manual_dir), config_name(self.builder_config.name))
        return {split: self._generate_examples(tree) for split, tree in found.items()}

    def _generate_examples(self, tree: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
        assert tree.labels is not None
        pictures = require_folder(tree.photos.path, tree.photos.what)
        maps = require_folder(tree.labels.path, tree.labels.what)
        listed = read_panoptic_file(tree.lists[0], class_list("", ""))

        def read(entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
            segments = listed.segments(entry, maps)
            key = epath.Path(entry["file_name"]).stem
            content = read_picture(pictures / f"{key}.jpg", segments.ids.shape)
            return key, segmentation_example(content, segments, (), f"{key}.jpg")

        yield from in_order(read, listed.entries, f"{self.name} {pictures.name}")


def category_to_index() -> dict[int, int]:
    """Returns the class index of each of COCO's own 133 category ids."""
    return {
        entry.original_id: index
        for index, entry in enumerate(load_preset("coco_panoptic133").classes)
        if entry.original_id is not None
    }
