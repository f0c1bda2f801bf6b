"""TFDS builder of PASCAL VOC 2012's semantic segmentation, with and without background.

Read are the publisher's tree (`VOC2012/SegmentationClass`, palette pictures whose indices are the
labels: 0 background, 1 to 20 the classes, 255 their border), and what people have prepared of it:
FC-CLIP's `pascal_voc_d2` and the folders that OVSeg and CAT-Seg write into `VOC2012`.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import Layout
from data.checks.of_trees import layout_of
from data.label_map_files import Files, LabelMapBuilder, configs, maps_in, photos_of
from data.manual_files import ManualFileError, require_file
from data.pascal_voc.trees import COUNTS, HINT, nothing_found, table_of, tree_of
from data.trees import Tree
from ovseg_jax.vocabulary.classes import ClassList, load_preset

PRESETS = {"pas20": "pascal_voc20", "pas21": "pascal_voc21"}


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root
    return load_preset(PRESETS[config.removesuffix("_train") or "pas20"])


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    splits = COUNTS if config.endswith("_train") else ("validation",)
    place, background = epath.Path(root), config.startswith("pas21")
    return {split: tree_of(place, split, background) for split in splits}


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


class Builder(LabelMapBuilder):
    """VOC 2012 photos with a region per class."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("pas20", "pas21")
    COUNTS = COUNTS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder VOCdevkit (or VOC2012 in it) with JPEGImages/, SegmentationClass/ and "
        "ImageSets/Segmentation/, or the prepared folder pascal_voc_d2, or one that holds them, as "
        "manual_dir. See data/pascal_voc/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds the files of a split in any of the known trees."""
        return find_split(root, split, self.config_name.startswith("pas21"))


def find_split(root: epath.Path, split: str, background: bool) -> Files:
    """Finds the files of a split in any of the known trees.

    Args:
        root: The user's folder.
        split: "train" or "validation".
        background: Whether background is a class.

    Raises:
        ManualFileError: None of the trees is there, or files are missing.
    """
    tree = tree_of(root, split, background)
    assert tree.labels is not None
    folder, maps = tree.labels.path, tree.labels.files()
    if not folder.is_dir():
        raise ManualFileError(nothing_found(root, split, background))
    if tree.lists:
        _check_names(require_file(tree.lists[0], "the list of photos"), maps, folder)
    else:
        maps = maps_in(folder, tree.labels.ending)
    table = table_of(tree, background)
    return Files(photos_of(maps, tree.photos.path), maps, table, hint=HINT)


def _check_names(listed: epath.Path, maps: Mapping[str, epath.Path], folder: epath.Path) -> None:
    """Refuses where a map of the list is missing."""
    names = listed.read_text().split()
    if missing := [name for name in names if name not in maps]:
        raise ManualFileError(
            f"{folder}: {len(missing)} of {len(names)} maps are missing, such as {missing[0]}.png"
        )
