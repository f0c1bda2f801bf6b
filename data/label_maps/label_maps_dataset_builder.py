"""TFDS builder of any photos with label maps: two folders, and a few lines that say what is what.

The lines are a YAML or JSON file in the folder, one of those in `configs/data` (such as the 22 sets
of MESS), or any file by its path. The folder is the user's: `config_of_folder` gives each state of
each folder records of its own. Records come in the order of their names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data.checks.layout import Layout
from data.features import segmentation_example, segmentation_features
from data.label_map_files import tell_count
from data.label_maps.choice import FOLDER, choose
from data.label_maps.coding import Coding, read_regions
from data.label_maps.description import APART, Description, shared_folders
from data.label_maps.layout import describe
from data.label_maps.pairs import Folders, Pair, find_pairs
from data.label_maps.photos import photo_content
from data.parallel import in_order
from ovseg_jax.foundation.errors import warn
from ovseg_jax.vocabulary.classes import ClassList

OPEN_CONFIGS = True
"""Configs are descriptions, which anybody may write; `config_of_folder` refuses unknown ones."""


@dataclasses.dataclass(eq=False)
class LabelMapsConfig(tfds.core.BuilderConfig):
    """One description; `chosen` is what the user called it."""

    chosen: str = ""


def config_of_folder(root: str, name: str = "") -> LabelMapsConfig:
    """Returns a config whose records belong to a folder and its description as they are now.

    Args:
        root: The folder.
        name: See `data.label_maps.choice.choose`.

    Raises:
        ManualFileError: There is no such description, it is damaged, or files do not pair.
    """
    found = choose(root, name)
    key = f"{found.name}-{found.fingerprint()}"
    return LabelMapsConfig(name=key, chosen=name, description=f"{found.name} of one folder.")


def class_list(root: str, config: str = "") -> ClassList:
    """Returns the classes that a description names, whose positions are the categories.

    Raises:
        ManualFileError: See `config_of_folder`.
    """
    return choose(root, config).classes


def classes_of_interest(root: str, config: str = "") -> tuple[str, ...]:
    """Returns the names of the classes that have a score of their own, as MESS gives it.

    Raises:
        ManualFileError: See `config_of_folder`.
    """
    return choose(root, config).interest


def layout(root: str, config: str = "") -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return describe(root, config)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Photos with a region per class, in the order of their names."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [LabelMapsConfig(name=FOLDER, description="The folder's usual description.")]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give a folder with dataset.yaml, or with images/, labels/ and classes.txt, as manual_dir; "
        "or the folder of all data sets with a config such as mess/atlantis. See "
        "data/label_maps/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        # Unshuffled, records keep the order in which they are generated.
        return self.dataset_info_from_configs(
            features=segmentation_features(), disable_shuffling=True
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        chosen = getattr(self.builder_config, "chosen", "")
        found = choose(str(dl_manager.manual_dir), chosen)
        for text in shared_folders(found):
            warn(f"{dl_manager.manual_dir}: {text}; {APART}")
        return {
            split: self._generate_examples(found, split, folders)
            for split, folders in found.splits.items()
        }

    def _generate_examples(
        self, found: Description, split: str, folders: Folders
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        pairs, table, seen = find_pairs(folders), found.coding.table(), set[int]()
        tell_count(len(pairs), found.counts.get(split, len(pairs)), f"{found.name} {split}")

        def read(pair: Pair) -> dict[str, Any]:
            segments, labels = read_regions(pair.labels, found.coding, table)
            seen.update(labels)
            content = photo_content(pair.photo, np.shape(segments.ids))
            return segmentation_example(content, segments, (), pair.name)

        yield from enumerate(in_order(read, pairs, f"{found.name} {split}"))
        _tell_masks(seen, found.coding, folders)


def _tell_masks(seen: set[int], coding: Coding, folders: Folders) -> None:
    """Warns of masks of 0 and 255 whose foreground would be ignored."""
    if seen == {0, 255} and 255 in coding.ignore:
        warn(
            f"{folders.labels}: all maps hold 0 and 255 only, and 255 is ignored; where it is a "
            "class, say so with 'remap: {0: 0, 255: 1}'"
        )
