"""Panoptic and instance files that the scripts of Mask2Former and FC-CLIP have made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from etils import epath

from data.categories import read_categories
from data.coco_panoptic.coco_panoptic_dataset_builder import decode_segments
from data.instances import InstancesFile
from data.manual_files import ManualFileError, read_png, require_file
from data.segments import Segments, draw_object, stack_masks
from ovseg_jax.foundation.errors import warn
from ovseg_jax.vocabulary.classes import load_preset
from ovseg_jax.vocabulary.matching import finder


def read_panoptic(maps: epath.Path) -> Iterator[tuple[str, Segments]]:
    """Reads a folder of panoptic maps and the list beside it, `<folder>.json`.

    Segments that are listed and have no pixel are kept: published scores count them as missed.

    Raises:
        ManualFileError: The list is missing or damaged, or contradicts a map.
    """
    path = require_file(maps.with_suffix(".json"), "the panoptic annotations")
    try:
        content = json.loads(path.read_text())
        listed = [(x["file_name"], x["segments_info"]) for x in content["annotations"]]
        used = {info["category_id"] for _, infos in listed for info in infos}
    except (ValueError, KeyError, TypeError) as error:
        raise ManualFileError(f"{path}: is no panoptic file of ADE20K: {error}") from error
    index, covered = known_ids(content, used, str(path)), 0
    for name, infos in listed:
        colors = read_png(maps / name, "RGB", "the panoptic map")
        segments = decode_segments(colors, infos, index, str(maps / name))
        areas = _areas(colors)
        covered += any(info.get("area", 0) > areas.get(info["id"], 0) for info in infos)
        gone = [info for info in infos if info["id"] not in areas]
        categories = [*segments.categories, *(index[info["category_id"]] for info in gone)]
        crowds = [*segments.crowds, *(bool(info.get("iscrowd")) for info in gone)]
        yield epath.Path(name).stem, Segments(segments.ids, categories, crowds)
    if covered:
        warn(
            f"{path}: in {covered} photos things cover stuff, by areas that count in published "
            "panoptic quality and that these maps do not show; annotations/ and "
            "annotations_instance/ show them"
        )


def read_instances(path: epath.Path) -> Iterator[tuple[str, Segments]]:
    """Reads the objects of a prepared instances file, photo by photo.

    Raises:
        ManualFileError: It is missing or damaged, or counts its categories otherwise.
    """
    file = InstancesFile(path)
    used = {x.get("category_id") for image in file.images for x in file.objects(image["id"])}
    index = known_ids(file.content, used, str(path))
    for image in file.images:
        try:
            size = (image["height"], image["width"])
        except KeyError as error:
            raise ManualFileError(f"{path}: {image['file_name']} has no {error}") from error
        items = file.objects(image["id"])
        masks = [draw_object(item, size, path) for item in items]
        categories = [index[item["category_id"]] for item in items]
        crowds = [bool(item["iscrowd"]) for item in items]
        yield epath.Path(image["file_name"]).stem, stack_masks(masks, categories, size, crowds)


def known_ids(content: Mapping[str, Any], used: set, source: str) -> dict[int, int]:
    """Returns the class index of each category id: the two are equal in prepared files.

    Their names are those of another list, so not all are among ours; one that is must not stand
    for another class.

    Raises:
        ManualFileError: A category has the id of another class, or of none, or is not listed.
    """
    classes, names = load_preset("ade150"), read_categories(content, source)
    find = finder(classes)
    for number, name in names.items():
        found = find(name.split(",")[0].strip())
        if not 0 <= number < len(classes) or found not in (None, number):
            place = "no class" if found is None else f"class {found}"
            raise ManualFileError(
                f"{source}: category {number} is {name!r}, {place} of {classes.name!r}; prepared "
                f"files count the {len(classes)} classes from 0"
            )
    if unlisted := used - names.keys():
        raise ManualFileError(
            f"{source}: annotations have category {next(iter(unlisted))!r}, which 'categories' "
            "does not list"
        )
    return {number: number for number in names}


def _areas(colors: np.ndarray) -> dict[int, int]:
    """Returns how many pixels each segment id of a panoptic map has."""
    raw = colors.astype(np.int32) @ np.asarray([1, 256, 65536], np.int32)
    values, counts = np.unique(raw, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
