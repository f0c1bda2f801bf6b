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

from data.cityscapes.labels import PRESET, decode_instances, label_id_table, train_id_table
from data.features import segmentation_example
from data.label_map_files import (
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    regions,
    tell_count,
)
from data.label_pictures import read_map
from data.manual_files import ManualFileError, read_upright, require_folder
from data.panoptic import read_panoptic_file
from data.segments import Segments
from ovseg_jax.vocabulary.classes import ClassList, load_preset

COUNTS = {"train": 2975, "validation": 500}
"""Photos of the published set."""
FOLDERS = {"train": "train", "validation": "val"}
PHOTO = "_leftImg8bit.png"
TRAIN_IDS, LABEL_IDS, INSTANCE_IDS = (
    f"_gtFine_{kind}.png" for kind in ("labelTrainIds", "labelIds", "instanceIds")
)
MADE = ("cityscapes_panoptic_{}", "cityscapes_panoptic_{}_trainId")
"""Folders of panoptic maps, without and with `--use-train-id`; names tell their classes apart."""
Readers = dict[str, Callable[[], Segments]]
"""Of each photo's name: what reads its segments."""


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset(PRESET)


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
        readers = find(place, folder)
        tell_count(len(readers), COUNTS[split], f"{self.name} {split}")
        for name, read in readers.items():
            segments = read()
            photo = place / "leftImg8bit" / folder / f"{_in_city(name)}{PHOTO}"
            content = read_upright(photo, segments.ids.shape)
            yield name, segmentation_example(content, segments, (), photo.name)


def find_root(root: epath.Path) -> epath.Path:
    """Returns the folder of `leftImg8bit` and `gtFine`, also where it lies one level off."""
    choices = [root, root / "cityscapes", root / "cityscape"]
    photos = first_folder([place / "leftImg8bit" for place in choices], "Cityscapes' photos")
    return photos.parent


def semantic(place: epath.Path, folder: str) -> Readers:
    """Finds the semantic map of each photo: train ids where they were made, else label ids.

    Raises:
        ManualFileError: A photo has neither.
    """
    labels = require_folder(place / "gtFine" / folder, "the label maps")
    return {name: _region_reader(labels, name) for name in photo_names(place, folder)}


def panoptic(place: epath.Path, folder: str) -> Readers:
    """Finds the panoptic map of each photo: that which was made, else the map of instances.

    Raises:
        ManualFileError: There is neither, or the list of the maps is damaged.
    """
    made = (place / "gtFine" / name.format(folder) for name in MADE)
    maps = next((path for path in made if path.with_suffix(".json").is_file()), None)
    if maps is None:
        labels = require_folder(place / "gtFine" / folder, "the maps of instances")
        return {name: _instance_reader(labels, name) for name in photo_names(place, folder)}
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
            f"{MADE[0].format(labels.name)}.json in {labels.parent}, made by createPanopticImgs.py"
        )
    return lambda: decode_instances(read_map(path, 16), str(path))


def _in_city(name: str) -> str:
    """Files of a photo lie in a folder of its city."""
    return f"{name.split('_')[0]}/{name}"
