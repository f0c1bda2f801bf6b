"""TFDS builder of PASCAL-Context with 59 and with 459 classes.

Two ground truths are in use, and two orders of the 59 classes:

* `trainval_merged.json` and the folders that FC-CLIP's family prepares from it
  (`pascal_ctx_d2/annotations_ctx59`): classes in the order of their numbers, that is of the
  alphabet;
* the publisher's `trainval/*.mat` (459 classes), from which OVSeg also takes 59, VOC's 20 first.

OVSeg and CAT-Seg call their folder of 59 classes `pc59_val` alike, and order it differently: label
1 is "bicycle" in one and "bag" in the other. Such a folder is read only when other files show
which, or the config says it and none shows otherwise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import Layout
from data.checks.of_trees import layout_of
from data.checks.problem import Problem
from data.label_map_files import (
    Files,
    LabelMapBuilder,
    configs,
    photos_of,
    tell_count,
    upright_example,
)
from data.manual_files import ManualFileError
from data.parallel import in_order
from data.pascal_context.matlab import FOLDER, mat_59, mat_459
from data.pascal_context.merged import MERGED, merged_59
from data.pascal_context.prepared import find_prepared, has_prepared, voc_folder
from data.pascal_context.trees import COUNTS, mat_checks, order_checks, tree_of
from data.segments import Segments
from data.trees import Tree
from ovseg_jax.vocabulary.classes import ClassList, load_preset


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root
    many = config.startswith("context459")
    return load_preset("pascal_context459" if many else "pascal_context59")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    splits = COUNTS if config.endswith("_train") else ("validation",)
    kind = config.removesuffix("_train")
    return {split: tree_of(epath.Path(root), split, kind) for split in splits}


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


def own_checks(root: str, config: str) -> Iterator[Problem]:
    """Tells the order of 59 classes, and what is wrong with lists beside MATLAB files."""
    kind = config.removesuffix("_train") or "context59"
    yield from order_checks(epath.Path(root), kind)
    mat_checks(epath.Path(root), kind, "train" if config.endswith("_train") else "validation")


class Builder(LabelMapBuilder):
    """VOC 2010 photos with a region per class."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs(
        "context59", "context459", "context59_alphabet", "context59_voc", "context59_mat"
    )
    COUNTS = COUNTS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give VOCdevkit (or VOC2010 in it) with JPEGImages/ and trainval_merged.json (59 classes) "
        "or trainval/*.mat (459), or the prepared folder pascal_ctx_d2, or one that holds them, as "
        "manual_dir. See data/pascal_context/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds the prepared maps of a split."""
        return find_prepared(root, split, self._config())

    def _config(self) -> str:
        """Returns what is wanted, whatever the splits."""
        return self.config_name.removesuffix("_train")

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Reads what is prepared where it is there, else the publisher's files."""
        config = self._config()
        if has_prepared(root, split, config):
            yield from super()._generate_examples(root, split)
            return
        place = voc_folder(root)
        count = itertools.count()

        def read(found: tuple[str, Segments]) -> tuple[str, dict[str, Any]]:
            name, segments = found
            photo = photos_of([name], place / "JPEGImages")[name]
            next(count)
            return name, upright_example(photo, segments)

        yield from in_order(read, published(place, split, config), f"{self.name} {split}")
        tell_count(next(count), self.COUNTS[split], f"{self.name} {split}")


def published(place: epath.Path, split: str, config: str) -> Iterator[tuple[str, Segments]]:
    """Returns a reader of the publisher's files.

    Args:
        place: The folder VOC2010.
        split: "train" or "validation".
        config: Name of the builder config, without its ending.

    Raises:
        ManualFileError: The files that the config reads are missing.
    """
    if config == "context459":
        return mat_459(place, split)
    if config == "context59_mat":
        return mat_59(place, split)
    if not (place / MERGED).is_file() and (place / FOLDER).is_dir():
        raise ManualFileError(
            f"the merged annotations not found; expected the file {place / MERGED}; {FOLDER}/*.mat "
            "are another truth of the same photos: --config context59_mat reads it"
        )
    return merged_59(place, split)
