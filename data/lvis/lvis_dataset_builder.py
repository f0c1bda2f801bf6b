"""TFDS builder of LVIS v1 from the publisher's files.

Photos are COCO's, those of the validation split from both of its folders. Each photo was searched
for some of the 1203 classes only, so records also say for which in vain, and of which not every
object is marked; the records' metadata say which classes are rare. Scores need all three.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import Layout
from data.checks.of_trees import layout_of
from data.features import segmentation_example, segmentation_features
from data.label_map_files import tell_count
from data.lvis.annotations import LvisFile
from data.lvis.trees import COUNTS, PHOTOS, is_of, trees_of
from data.manual_files import read_picture, require_file, require_folder
from data.parallel import in_order
from data.trees import Tree, config_name
from ovseg_jax.vocabulary.classes import ClassList, load_preset

SPLITS = {
    "full": ("train", "validation", "minival"),
    "validation": ("validation", "minival"),
    "minival": ("minival",),
}
FREQUENCY = "frequency"
"""Name under which the records' metadata have the letter of each class."""


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("lvis1203")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    return trees_of(root, SPLITS[config or "full"], class_list(root, config))


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # TFDS has one too
    """COCO 2017 photos with objects of 1203 classes, each photo searched for some of them."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="full", description="Train, validation and minival."),
        tfds.core.BuilderConfig(name="validation", description="Validation and minival."),
        tfds.core.BuilderConfig(name="minival", description="Minival: needs val2017 only."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder that holds coco/ (with train2017/ and val2017/) and "
        "lvis/lvis_v1_train.json and lvis_v1_val.json as manual_dir; or COCO's own folder with "
        "the two files in it or in its annotations/. See data/lvis/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        features = segmentation_features(federated=True)
        metadata = tfds.core.MetadataDict()
        return self.dataset_info_from_configs(features=features, metadata=metadata)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        found = trees(str(dl_manager.manual_dir), config_name(self.builder_config.name))
        # Validation and minival come from one file; more than one in memory would be too much.
        read = functools.lru_cache(1)(_annotations)
        return {split: self._generate_examples(split, found[split], read) for split in found}

    def _generate_examples(
        self, split: str, tree: Tree, read_file: Callable[[epath.Path], LvisFile]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        photos, file = tree.photos.path, read_file(tree.listed or tree.lists[0])
        for folder in PHOTOS[split]:
            require_folder(photos / folder, tree.photos.what)
        index = file.class_indices(classes := class_list("", ""))
        metadata: Any = self.info.metadata
        metadata[FREQUENCY] = file.frequencies(index, len(classes))
        images = [image for image in file.images if is_of(split, file.name_of(image))]
        tell_count(len(images), COUNTS[split], f"{self.name} {split}")

        def read(image: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
            name = file.name_of(image)
            segments = file.segments(image, file.size(image), index)
            content = read_picture(photos / name, segments.ids.shape)
            example = segmentation_example(content, segments, (), name)
            return name, example | file.searched(image, index)

        yield from in_order(read, images, f"{self.name} {split}")


def _annotations(path: epath.Path) -> LvisFile:
    return LvisFile(require_file(path, "the LVIS v1 annotations"))
