"""TFDS builder of COCO captions 2017 from the publisher's files: photos with five captions each.

What CLIP is tuned on and nouns are mined from needs no masks, so by default records have none; the
configs `with_objects` and `validation_with_objects` add the objects of the instances file, which
lies in the same download.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import Layout
from data.checks.of_trees import layout_of
from data.coco_captions.trees import COUNTS, trees_of
from data.features import segmentation_example, segmentation_features
from data.instances import InstancesFile
from data.label_map_files import tell_count
from data.manual_files import (
    ManualFileError,
    displayed_size,
    read_picture,
    read_upright,
    require_folder,
)
from data.parallel import in_order
from data.segments import Segments
from data.trees import Tree, config_name
from ovseg_jax.mining.captions import CaptionError, Captions, read_captions
from ovseg_jax.vocabulary.classes import ClassList, load_preset

OBJECTS = "with_objects"
"""Ending of the configs that read the instances file too."""


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("coco_things80")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    splits = ("validation",) if config.startswith("validation") else tuple(COUNTS)
    return trees_of(root, splits, class_list(root, config) if config.endswith(OBJECTS) else None)


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # TFDS has one too
    """COCO 2017 photos with captions, and where wanted with objects of 80 classes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="full", description="train2017 and val2017, captions."),
        tfds.core.BuilderConfig(name="validation", description="val2017, captions."),
        tfds.core.BuilderConfig(name=OBJECTS, description="Both, captions and objects."),
        tfds.core.BuilderConfig(
            name=f"validation_{OBJECTS}", description="val2017, captions and objects."
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the COCO folder as manual_dir. It should hold train2017/ and val2017/ (photos), "
        "annotations/captions_train2017.json and captions_val2017.json, and for objects "
        "annotations/instances_train2017.json and instances_val2017.json. "
        "See data/coco_captions/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=segmentation_features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        found = trees(str(dl_manager.manual_dir), config_name(self.builder_config.name))
        return {split: self._generate_examples(split, tree) for split, tree in found.items()}

    def _generate_examples(self, split: str, tree: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
        photos = require_folder(tree.photos.path, tree.photos.what)
        captions = _captions(tree.others[0] if tree.others else tree.lists[0])
        tell_count(len(captions), COUNTS[split], f"{self.name} {split}")
        objects = _Objects(tree.lists[0]) if tree.others else None

        def read(name: str) -> tuple[str, dict[str, Any]]:
            segments = objects(name) if objects else _nothing(photos / name)
            picture = (read_upright if tree.upright else read_picture)(
                photos / name, segments.ids.shape
            )
            words = [" ".join(text.split()) for text in captions[name]]
            return epath.Path(name).stem, segmentation_example(picture, segments, words, name)

        yield from in_order(read, list(captions), f"{self.name} {split}")


class _Objects:
    """The objects of photos, from an instances file that is read once."""

    def __init__(self, path: epath.Path):
        self._file = InstancesFile(path)
        self._index = self._file.class_indices(class_list("", ""))

    def __call__(self, name: str) -> Segments:
        image = self._file.image(name)
        return self._file.segments(image, (image["height"], image["width"]), self._index)


def _nothing(photo: epath.Path) -> Segments:
    width, height = displayed_size(photo)
    return Segments(np.zeros((height, width), np.int32), [])


def _captions(path: epath.Path) -> Captions:
    try:
        return read_captions(str(path))
    except CaptionError as error:
        raise ManualFileError(str(error)) from error
