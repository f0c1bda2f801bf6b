"""TFDS builder of COCO instances 2017 from the publisher's files.

Objects keep all of their pixels, also where others lie over them, and crowds are kept as such.
Photos without annotations stay, as COCO's own evaluation counts what is found in them. Annotations
are of photos as stored, so these are kept byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import Layout
from data.checks.lists import instances_list
from data.checks.of_trees import layout_of
from data.features import segmentation_example, segmentation_features
from data.instances import InstanceDecoder
from data.label_map_files import tell_count
from data.manual_files import coco_folder, read_picture, require_folder
from data.parallel import in_order
from data.trees import Folder, Tree, config_name
from ovseg_jax.vocabulary.classes import ClassList, load_preset

SPLIT_FOLDERS = {"train": "train2017", "validation": "val2017"}
COUNTS = {"train": 118_287, "validation": 5_000}


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("coco_things80")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    folder = coco_folder(root)
    wanted = ["validation"] if config.startswith("validation") else SPLIT_FOLDERS
    return {
        split: Tree(
            Folder((folder / SPLIT_FOLDERS[split],), "the photos", ".jpg"),
            lists=(folder / "annotations" / f"instances_{SPLIT_FOLDERS[split]}.json",),
            read_list=instances_list(class_list(root, config)),
            expected=COUNTS[split],
            upright=False,
        )
        for split in wanted
    }


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


class Builder(tfds.core.GeneratorBasedBuilder):
    """COCO 2017 photos with objects of 80 classes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="full", description="train2017 and val2017."),
        tfds.core.BuilderConfig(name="validation", description="val2017 only."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the COCO folder as manual_dir. It should hold train2017/ and val2017/ (photos) and "
        "annotations/instances_train2017.json and instances_val2017.json. "
        "See data/coco_instances/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=segmentation_features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root = coco_folder(str(dl_manager.manual_dir))
        found = trees(str(root), config_name(self.builder_config.name))
        return {split: self._generate_examples(root, split, found[split]) for split in found}

    def _generate_examples(
        self, root: epath.Path, split: str, tree: Tree
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        pictures = require_folder(tree.photos.path, tree.photos.what)
        listed = tree.lists[0].relative_to(root).as_posix()
        decode = InstanceDecoder(class_list("", ""))
        images = decode.open(root / listed)[0].images
        tell_count(len(images), COUNTS[split], f"{self.name} {split}")

        def read(image: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
            name = image["file_name"]
            entry = {"gt": listed, "image": name, "height": image["height"]}
            segments = decode(root, entry | {"width": image["width"]})
            content = read_picture(pictures / name, segments.ids.shape)
            return epath.Path(name).stem, segmentation_example(content, segments, (), name)

        yield from in_order(read, images, f"{self.name} {split}")
