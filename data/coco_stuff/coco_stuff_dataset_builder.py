"""TFDS builder of COCO-Stuff 164k from the publisher's files, or what scripts have made of them.

A segment is everything of one class in a photo. The pixel maps hold the category id minus one: 182
values with gaps, of which 171 are classes; categories are positions in the preset `coco_stuff171`.
255 and the values of the gaps are void. Photos without a labelled pixel are left out, as in the
preparation scripts of Mask-Adapter and OVSeg.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import LabelMaps, Layout, OtherForm
from data.checks.of_trees import layout_of, maps_of_table
from data.features import segmentation_example, segmentation_features
from data.label_map_files import Files, label_table, regions
from data.manual_files import (
    ManualFileError,
    coco_folder,
    read_picture,
    read_png,
    require_folder,
)
from data.parallel import in_order
from data.segments import VOID, Segments, decode_regions
from data.trees import Folder, Tree, config_name, first_with
from ovseg_jax.vocabulary.classes import ClassList, load_preset

SPLIT_FOLDERS = {"train": "train2017", "validation": "val2017"}
COUNTS = {"train": 118287, "validation": 5000}
"""Photos of the published set."""
HIGHEST = 181
"""The highest raw label: the category id 182."""
PREPARED = OtherForm(
    170,
    "prepared labels where raw ones are expected",
    "these are maps of 0 to 170; put them into stuffthingmaps_detectron2, or give the publisher's "
    "stuffthingmaps, with labels of 0 to 181",
    ignore=255,
)
RAW = OtherForm(
    HIGHEST,
    "raw labels where prepared ones are expected",
    "these are the publisher's, of 0 to 181; put them into stuffthingmaps",
    ignore=255,
)
PUBLISHED, DETECTRON2 = "stuffthingmaps", "stuffthingmaps_detectron2"


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("coco_stuff171")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    folder, found = coco_folder(root), {}
    for split in ["validation"] if config.startswith("validation") else SPLIT_FOLDERS:
        name = SPLIT_FOLDERS[split]
        choices = [folder / kind / name for kind in (PUBLISHED, DETECTRON2)]
        maps = first_with(choices, ".png")
        found[split] = Tree(
            Folder((folder / name,), "the photos", ".jpg"),
            Folder((maps, *(x for x in choices if x != maps)), "the pixel maps", ".png"),
            _legal(maps),
            expected=COUNTS[split],
            upright=False,
        )
    return found


def is_published(maps: epath.Path) -> bool:
    """Whether maps hold the publisher's labels, and not those that scripts have made of them."""
    return maps.parent.name == PUBLISHED


def _legal(maps: epath.Path) -> LabelMaps:
    if not is_published(maps):
        return maps_of_table(label_table(0, 171, [255]), others=(RAW,), may_lack=True)
    unused = frozenset(np.flatnonzero(raw_to_index()[: HIGHEST + 1] == VOID).tolist())
    return LabelMaps(8, highest=HIGHEST, unused=unused, others=(PREPARED,))


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


class Builder(tfds.core.GeneratorBasedBuilder):
    """COCO 2017 photos with class regions of 171 things and stuff."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version.", "1.1.0": "The fields that all sets share."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="full", description="train2017 and val2017."),
        tfds.core.BuilderConfig(name="validation", description="val2017 only."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the COCO folder as manual_dir. It should hold train2017/ and val2017/ (photos), and "
        "stuffthingmaps/train2017/ and stuffthingmaps/val2017/ (pixel maps), or "
        "stuffthingmaps_detectron2/ with the same. "
        "See data/coco_stuff/README.md."
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
        paths = sorted(maps.glob("*.png"))
        if not paths:
            raise ManualFileError(f"no pixel map found; expected files {maps}/*.png")
        read = _read_published() if is_published(maps) else _read_prepared

        def example(path: epath.Path) -> tuple[str, dict[str, Any]] | None:
            segments, photo = read(path), f"{path.stem}.jpg"
            if not segments.categories:
                return None
            content = read_picture(pictures / photo, segments.ids.shape)
            return path.stem, segmentation_example(content, segments, (), photo)

        made = in_order(example, paths, f"{self.name} {pictures.name}")
        yield from (found for found in made if found is not None)


def _read_published() -> Callable[[epath.Path], Segments]:
    table = raw_to_index()
    return lambda path: decode_regions(read_png(path, "L", "the pixel map"), table)


def _read_prepared(path: epath.Path) -> Segments:
    """Labels of the scripts' maps are the positions of the classes."""
    return regions(path, Files({}, {}, label_table(0, 171, [255]), hint=RAW.advice))


def raw_to_index() -> np.ndarray:
    """Returns int32 [256]: the class index of each pixel value, `VOID` where there is none."""
    table = np.full(256, VOID, np.int32)
    for index, entry in enumerate(load_preset("coco_stuff171").classes):
        if entry.original_id is not None:
            table[entry.original_id - 1] = index
    return table
