"""TFDS builder of Cityscapes' fine annotations: 19 classes, semantic or panoptic.

What cityscapesScripts derives from the published maps is read where it has been made: train ids,
and panoptic maps with or without `--use-train-id`. Where it has not, the published maps give the
same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import Layout
from data.checks.of_trees import layout_of
from data.cityscapes.labels import PRESET, decode_instances, label_id_table, train_id_table
from data.cityscapes.trees import (
    COUNTS,
    FOLDERS,
    INSTANCE_IDS,
    LABEL_IDS,
    MADE,
    PHOTO,
    TRAIN_IDS,
    made_maps,
    panoptic_tree,
    places,
    semantic_trees,
)
from data.label_map_files import (
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    regions,
    tell_count,
    upright_example,
)
from data.label_pictures import read_map
from data.manual_files import ManualFileError, require_folder
from data.panoptic import read_panoptic_file
from data.parallel import in_order
from data.segments import Segments
from data.trees import Tree
from ovseg_jax.vocabulary.classes import ClassList, load_preset

Readers = dict[str, Callable[[], Segments]]
"""Of each photo's name: what reads its segments."""


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset(PRESET)


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    found = places(epath.Path(root))
    splits = COUNTS if config.endswith("_train") else ("validation",)
    if config.startswith("panoptic"):
        return {split: panoptic_tree(found, split) for split in splits}
    return {name: x for split in splits for name, x in semantic_trees(found, split).items()}


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


class Builder(LabelMapBuilder):
    """Photos of streets with a region per class, or a segment per thing."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("semantic", "panoptic")
    COUNTS = COUNTS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder that holds leftImg8bit/ and gtFine/ (or cityscapes/ with them) as "
        "manual_dir. See data/cityscapes/README.md."
    )

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        place, folder = find_root(root), FOLDERS[split]
        find = semantic if self.config_name.startswith("semantic") else panoptic
        readers = find(place, split)
        tell_count(len(readers), COUNTS[split], f"{self.name} {split}")

        def read(name: str) -> tuple[str, dict[str, Any]]:
            photo = place / "leftImg8bit" / folder / f"{_in_city(name)}{PHOTO}"
            return name, upright_example(photo, readers[name]())

        yield from in_order(read, list(readers), f"{self.name} {split}")


def find_root(root: epath.Path) -> epath.Path:
    """Returns the folder of `leftImg8bit` and `gtFine`, also where it lies one level off."""
    photos = [place / "leftImg8bit" for place in places(root)]
    return first_folder(photos, "Cityscapes' photos").parent


def semantic(place: epath.Path, split: str) -> Readers:
    """Finds the semantic map of each photo: train ids where they were made, else label ids.

    Raises:
        ManualFileError: A photo has neither.
    """
    labels = require_folder(place / "gtFine" / FOLDERS[split], "the label maps")
    return {name: _region_reader(labels, name) for name in photo_names(place, FOLDERS[split])}


def panoptic(place: epath.Path, split: str) -> Readers:
    """Finds the panoptic map of each photo: that which was made, else the map of instances.

    Raises:
        ManualFileError: There is neither, or the list of the maps is damaged.
    """
    maps = made_maps(place, split)
    if maps is None:
        labels = require_folder(place / "gtFine" / FOLDERS[split], "the maps of instances")
        return {name: _instance_reader(labels, name) for name in photo_names(place, FOLDERS[split])}
    listed = read_panoptic_file(maps.with_suffix(".json"), load_preset(PRESET))
    return {
        entry["file_name"].split("_gtFine_")[0]: functools.partial(listed.segments, entry, maps)
        for entry in listed.entries
    }


def photo_names(place: epath.Path, folder: str) -> list[str]:
    """Returns <city>_<sequence>_<frame> of all photos of a split, sorted.

    Raises:
        ManualFileError: There is none.
    """
    photos = require_folder(place / "leftImg8bit" / folder, "the photos")
    found = sorted(path.name.removesuffix(PHOTO) for path in photos.glob(f"*/*{PHOTO}"))
    if not found:
        raise ManualFileError(f"no photo found; expected files {photos}/<city>/*{PHOTO}")
    return found


def _region_reader(labels: epath.Path, name: str) -> Callable[[], Segments]:
    path = labels / f"{_in_city(name)}{TRAIN_IDS}"
    hint = "the numbers of this file should be train ids, 0 to 18 and 255"
    files = Files({}, {}, train_id_table(), hint=hint)
    if not path.is_file():
        path = labels / f"{_in_city(name)}{LABEL_IDS}"
        hint = "the numbers of this file should be label ids, 0 to 33; train ids have 255"
        files = Files({}, {}, label_id_table(), hint=hint)
    if not path.is_file():
        raise ManualFileError(
            f"{name}: label map not found; expected the file {path} or, made by "
            f"createTrainIdLabelImgs.py, {path.with_name(f'{name}{TRAIN_IDS}').name}"
        )
    return functools.partial(regions, path, files)


def _instance_reader(labels: epath.Path, name: str) -> Callable[[], Segments]:
    path = labels / f"{_in_city(name)}{INSTANCE_IDS}"
    if not path.is_file():
        raise ManualFileError(
            f"the map of instances not found; expected the file {path}, or "
            f"{MADE.format(labels.name)}.json in {labels.parent}, made by createPanopticImgs.py"
        )
    return lambda: decode_instances(read_map(path, 16), str(path))


def _in_city(name: str) -> str:
    """Files of a photo lie in a folder of its city."""
    return f"{name.split('_')[0]}/{name}"
