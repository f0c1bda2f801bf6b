"""From a photo's annotation to an id map: polygons, panoptic PNGs, label PNGs."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from data.coco_panoptic.coco_panoptic_dataset_builder import category_to_index, decode_segments
from data.coco_stuff.coco_stuff_dataset_builder import VOID, decode_regions
from data.manual_files import ManualFileError, read_png, require_file
from ovseg_jax.vocabulary.classes import load_preset

Decoded = tuple[np.ndarray, list[int]]
"""int32 [H, W], 0 for void and i for segment i; and the class index of each segment."""
VOCABULARIES = {
    "coco128_instances": "coco_things80",
    "coco_panoptic": "coco_panoptic133",
    "voc": "pascal_voc21",
    "ade150": "ade150",
}
"""The sets that can be decoded, and the preset whose positions are the categories of each."""


def decoder(set_name: str) -> Callable[[epath.Path, Mapping[str, Any]], Decoded]:
    """Returns the function from folder and manifest entry to a photo's segments.

    Args:
        set_name: A key of `VOCABULARIES`.
    """
    return {
        "coco128_instances": InstanceDecoder(),
        "coco_panoptic": decode_panoptic_png,
        "voc": functools.partial(decode_label_png, first=0, count=21),
        "ade150": functools.partial(decode_label_png, first=1, count=150),
    }[set_name]


def decode_label_png(root: epath.Path, entry: Mapping[str, Any], first: int, count: int) -> Decoded:
    """Reads an 8-bit label PNG; everything of one class is one segment.

    Args:
        root: Folder of the photos.
        entry: The photo's entry in the manifest.
        first: Label of class 0.
        count: Number of classes; labels outside `first` to `first + count - 1` are void.
    """
    table = np.full(256, VOID, np.int32)
    table[first : first + count] = np.arange(count)
    return decode_regions(read_png(root / entry["gt"], "L", "the label map"), table)


def decode_panoptic_png(root: epath.Path, entry: Mapping[str, Any]) -> Decoded:
    """Reads a panoptic PNG, whose segments the entry lists as "segments_info"."""
    path = root / entry["gt"]
    if "segments_info" not in entry:
        raise ManualFileError(f"{root / 'manifest.json'}: {entry['image']} has no 'segments_info'")
    colors = read_png(path, "RGB", "the panoptic map")
    return decode_segments(colors, entry["segments_info"], category_to_index(), str(path))


class InstanceDecoder:
    """Draws the polygons of photos from COCO instances files, each of which is read once."""

    def __init__(self):
        """Starts with no file read."""
        self._files: dict[epath.Path, tuple[dict, dict]] = {}
        things = load_preset("coco_things80").classes
        self._index = {entry.original_id: index for index, entry in enumerate(things)}

    def __call__(self, root: epath.Path, entry: Mapping[str, Any]) -> Decoded:
        """Decodes one photo: crowds are left out, of overlapping objects the smaller is on top.

        Raises:
            ManualFileError: The file is missing or damaged, does not know the photo, or disagrees
                with the manifest about its size.
        """
        path = root / entry["gt"]
        size = (entry["height"], entry["width"])
        kept = [item for item in self._objects(path, entry) if not item["iscrowd"]]
        for item in kept:
            if item.get("category_id") not in self._index:
                raise ManualFileError(
                    f"{path}: annotation {item['id']} has category {item.get('category_id')}, "
                    "which is not one of COCO's 80 things"
                )
        masks = [_drawn(item, size, path) for item in kept]
        return stack_masks(masks, [self._index[item["category_id"]] for item in kept], size)

    def _objects(self, path: epath.Path, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Returns the objects of a photo after checking that the file means this photo."""
        if path not in self._files:
            self._files[path] = _read_instances(path)
        images, objects = self._files[path]
        name = epath.Path(entry["image"]).name
        if name not in images:
            raise ManualFileError(f"{path}: lists no picture {name}")
        size = (images[name].get("height"), images[name].get("width"))
        if size != (entry["height"], entry["width"]):
            raise ManualFileError(
                f"{path}: {name} has {size[0]} x {size[1]} pixels there, in the manifest "
                f"{entry['height']} x {entry['width']}"
            )
        return objects[images[name]["id"]]


def stack_masks(
    masks: Sequence[np.ndarray], categories: Sequence[int], size: tuple[int, int]
) -> Decoded:
    """Lays masks over each other, the largest lowest, and numbers what remains visible.

    Args:
        masks: Boolean [H, W] each.
        categories: Class index of each mask.
        size: Height and width, for a photo without masks.

    Returns:
        The id map and the categories, in the order of the masks.
    """
    owner = np.zeros(size, np.int32)
    for number in sorted(range(len(masks)), key=lambda n: -int(masks[n].sum())):
        owner[masks[number]] = number + 1
    visible = np.unique(owner[owner > 0])
    numbers = np.zeros(len(masks) + 1, np.int32)
    numbers[visible] = np.arange(1, len(visible) + 1)
    return numbers[owner], [categories[number - 1] for number in visible]


def _drawn(item: Mapping[str, Any], size: tuple[int, int], path: epath.Path) -> np.ndarray:
    """Rasterises one object as COCO's own tools do; run lengths are taken as they are."""
    from pycocotools import mask as coco_mask

    shape = item["segmentation"]
    try:
        if isinstance(shape, list):
            shape = coco_mask.merge(coco_mask.frPyObjects(shape, *size))
        elif isinstance(shape["counts"], list):
            shape = coco_mask.frPyObjects(shape, *size)
        mask = coco_mask.decode(shape).astype(bool)
    except Exception as error:  # pycocotools raises bare exceptions of every kind
        raise ManualFileError(
            f"{path}: annotation {item['id']} is neither polygons nor run lengths: {error}"
        ) from error
    if mask.shape != size:
        raise ManualFileError(f"{path}: annotation {item['id']} is of another size, {mask.shape}")
    return mask


def _read_instances(path: epath.Path) -> tuple[dict[str, dict], dict[int, list[dict]]]:
    """Reads a COCO instances file: pictures by name, and objects by picture id."""
    content = require_file(path, "the instance annotations").read_text()
    try:
        read = json.loads(content)
        images = {image["file_name"]: image for image in read["images"]}
        objects: dict[int, list[dict]] = {image["id"]: [] for image in read["images"]}
        for item in read["annotations"]:
            objects.setdefault(item["image_id"], []).append(
                {"id": None, "segmentation": None, "iscrowd": 0} | item
            )
    except (ValueError, KeyError, TypeError) as error:
        raise ManualFileError(f"{path}: not a COCO instances file: {error!r}") from error
    return images, objects
