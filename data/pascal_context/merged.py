"""The merged annotations of PASCAL-Context: who is in which split, and 59 classes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from etils import epath

from data.manual_files import ManualFileError, require_file
from data.pascal_context.orders import RAW_59
from data.segments import VOID, Segments, decode_regions
from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.rle import decode_rle_of

MERGED = "trainval_merged.json"
PHASES = {"train": "train", "validation": "val"}


def read_merged(place: epath.Path) -> dict[str, Any]:
    """Returns the merged file with what is needed of it checked.

    Raises:
        ManualFileError: It is missing or damaged.
    """
    path = require_file(place / MERGED, "the merged annotations")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        for image in content["images"]:
            _ = image["image_id"], image["file_name"], image["phase"]
            _ = int(image["height"]), int(image["width"])
        for item in content["annos_segmentation"]:
            _ = item["image_id"], item["segmentation"], int(item["category_id"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManualFileError(
            f"{path}: is not PASCAL-Context's merged file with 'images' and 'annos_segmentation': "
            f"{error!r}"
        ) from error
    return content


def names_of(place: epath.Path, split: str) -> list[str]:
    """Returns the names of a split's photos, in the order of the merged file."""
    images = read_merged(place)["images"]
    return [epath.Path(x["file_name"]).stem for x in images if x["phase"] == PHASES[split]]


def merged_59(place: epath.Path, split: str) -> Iterator[tuple[str, Segments]]:
    """Draws the annotations of each photo in the order of the merged file.

    Raises:
        ManualFileError: The file is missing or damaged, or a pixel is of none of the 59 classes.
    """
    content, path = read_merged(place), place / MERGED
    images = [x for x in content["images"] if x["phase"] == PHASES[split]]
    parts: dict[Any, list[dict[str, Any]]] = {image["image_id"]: [] for image in images}
    for item in content["annos_segmentation"]:
        if item["image_id"] in parts:
            parts[item["image_id"]].append(item)
    for image in images:
        labels = _painted(image, parts[image["image_id"]], path)
        yield epath.Path(image["file_name"]).stem, decode_regions(labels, raw_table())


def raw_table() -> np.ndarray:
    """Returns int32 [460]: which of the 59 classes each raw label is, `VOID` for the others."""
    table = np.full(460, VOID, np.int32)
    table[list(RAW_59)] = np.arange(VOID, 59)  # the first of them, 0, is void
    return table


def _painted(image: dict[str, Any], items: list[dict[str, Any]], path: epath.Path) -> np.ndarray:
    """Paints raw labels over each other; only what stays visible has to be of the 59."""
    labels = np.zeros((int(image["height"]), int(image["width"])), np.int64)
    for item in items:
        try:
            labels[decode_rle_of(item["segmentation"], labels.shape)] = int(item["category_id"])
        except (MasksError, AttributeError) as error:
            raise ManualFileError(f"{path}: image {item['image_id']}: {error}") from error
    if unknown := sorted(set(np.unique(labels).tolist()) - set(RAW_59)):
        raise ManualFileError(
            f"{path}: image {image['image_id']}: category {unknown[0]} is none of the 59 classes"
        )
    return labels
