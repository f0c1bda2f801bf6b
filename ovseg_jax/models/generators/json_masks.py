"""The layouts in which JSON files hold masks, brought to one list of entries per image."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool

from ovseg_jax.errors import MasksError
from ovseg_jax.models.generators.rle import decode_rle, rle_size

LISTS = ("proposals", "segments", "annotations")
"""Keys under which one image's masks are listed."""


@dataclasses.dataclass(frozen=True)
class MaskEntry:
    """One mask of a JSON file, not yet drawn.

    Attributes:
        where: Its place in the file, for messages.
        segmentation: RLE or polygons; None for panoptic entries.
        score: Its quality, if the file says.
        label: Its category's number, if the file says.
        name: Its category's name, if the file says.
        panoptic_id: Its id in the PNG `source`, for panoptic entries.
        source: File name of that PNG.
    """

    where: str
    segmentation: Any = None
    score: float | None = None
    label: int | None = None
    name: str | None = None
    panoptic_id: int | None = None
    source: str = ""


def find_entries(path: Path, image_name: str, size: tuple[int, int]) -> list[MaskEntry]:
    """Lists the masks of one image; see `files.read_masks` for the layouts.

    Raises:
        MasksError: The layout is unknown, the image is not in it, or a field is wrong.
    """
    stamp = path.stat()
    content = _load(path, stamp.st_mtime_ns, stamp.st_size)
    if isinstance(content, list):
        return _from_results(path, content, image_name)
    if not isinstance(content, dict):
        raise MasksError(f"{path}: holds {type(content).__name__}, not a list or an object")
    if isinstance(content.get("images"), list) and "annotations" in content:
        return _from_coco(path, content, image_name, size)
    if any(isinstance(content.get(key), list) for key in LISTS):
        return _from_image(path, content, "", size)
    name = _match_image(path, content, image_name)
    return _from_image(path, content[name], f" {name!r}", size)


@functools.lru_cache(maxsize=4)
def _load(path: Path, modified: int, length: int) -> Any:
    """Parses a file once for all its images; the stamp makes a changed file a new one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise MasksError(f"{path}: not readable as JSON ({error})") from error


def _match_image(path: Path, names: Iterable[str], image_name: str) -> str:
    """Finds an image by its whole name, else by its file name, else without the ending."""
    names = list(names)
    if image_name in names:
        return image_name
    for part in (lambda n: PurePosixPath(n).name, lambda n: PurePosixPath(n).stem):
        found = [name for name in names if part(str(name)) == part(image_name)]
        if len(found) > 1:
            raise MasksError(f"{path}: {image_name!r} could be any of {found[:5]}")
        if found:
            return found[0]
    known = ", ".join(map(repr, names[:3])) or "none"
    raise MasksError(f"{path}: no image {image_name!r} among its {len(names)} (such as {known})")


def _from_image(path: Path, content: Any, where: str, size: tuple[int, int]) -> list[MaskEntry]:
    """Reads {"proposals": [...], "width": ..., "height": ...}, or the list alone."""
    key = ""
    if isinstance(content, dict):
        key = next((key for key in LISTS if isinstance(content.get(key), list)), "")
        if not key:
            raise MasksError(f"{path}{where}: has none of the lists {', '.join(LISTS)}")
        _check_size(path, where, content, size)
        content = content[key]
    if not isinstance(content, list):
        raise MasksError(f"{path}{where}: is {type(content).__name__}, not a list of masks")
    if not content:
        raise MasksError(f"{path}{where}: {key or 'the list'} is empty; there is no mask to use")
    return [_entry(path, f"{where} {key}[{i}]", item, {}) for i, item in enumerate(content)]


def _check_size(path: Path, where: str, content: Mapping, size: tuple[int, int]) -> None:
    stated = content.get("height", size[0]), content.get("width", size[1])
    if stated != size:
        raise MasksError(
            f"{path}{where}: 'height' x 'width' is {stated[0]} x {stated[1]}, the image "
            f"{size[0]} x {size[1]}"
        )


def _entry(path: Path, where: str, item: Any, names: Mapping[int, str]) -> MaskEntry:
    if not isinstance(item, dict):
        raise MasksError(f"{path}{where}: is {type(item).__name__}, not an object")
    segmentation = item if "counts" in item else item.get("segmentation")
    if segmentation is None:
        raise MasksError(f"{path}{where}: has no 'segmentation'")
    label = item.get("category_id", item.get("label"))
    name = item.get("name", names.get(label) if isinstance(label, int) else None)
    return MaskEntry(
        where=where,
        segmentation=segmentation,
        score=_number(path, where, "score", item.get("score")),
        label=label if isinstance(label, int) else None,
        name=name if isinstance(name, str) else None,
    )


def _number(path: Path, where: str, field: str, value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise MasksError(f"{path}{where}: {field!r} is {value!r}, not a number")
    return float(value)


def _from_results(path: Path, content: list, image_name: str) -> list[MaskEntry]:
    """Reads a list of annotations, of this image alone or of many by `image_id`."""
    if not content:
        raise MasksError(f"{path}: the list is empty; there is no mask to use")
    entries = [_entry(path, f" [{i}]", item, {}) for i, item in enumerate(content)]
    owners = [item.get("image", item.get("file_name", item.get("image_id"))) for item in content]
    if all(owner is None for owner in owners):
        return entries
    known = {str(owner): owner for owner in owners}
    numbers = {key for key, owner in known.items() if isinstance(owner, int)}
    digits = "".join(c for c in PurePosixPath(image_name).stem.split("_")[-1] if c.isdigit())
    if digits and str(int(digits)) in numbers:  # COCO: 000000000139.jpg has the id 139
        chosen = str(int(digits))
    else:
        chosen = _match_image(path, known, image_name)
    return [e for e, owner in zip(entries, owners, strict=True) if str(owner) == chosen]


def _from_coco(
    path: Path, content: Mapping, image_name: str, size: tuple[int, int]
) -> list[MaskEntry]:
    """Reads COCO's instances or panoptic layout."""
    try:
        images = {image["file_name"]: image for image in content["images"]}
        names = {c["id"]: c["name"] for c in content.get("categories", [])}
        image = images[_match_image(path, images, image_name)]
        own = [
            (index, item)
            for index, item in enumerate(content["annotations"])
            if item["image_id"] == image["id"]
        ]
    except (KeyError, TypeError) as error:
        raise MasksError(f"{path}: images, categories or annotations lack {error}") from error
    _check_size(path, f" {image['file_name']!r}", image, size)
    if own and "segments_info" in own[0][1]:
        return _from_panoptic(path, *own[0], names)
    return [_entry(path, f" annotations[{index}]", item, names) for index, item in own]


def _from_panoptic(path: Path, index: int, item: Any, names: Mapping) -> list[MaskEntry]:
    where = f" annotations[{index}].segments_info"
    try:
        entries = [
            MaskEntry(
                where=f"{where}[{i}]",
                label=segment.get("category_id"),
                name=names.get(segment.get("category_id")),
                panoptic_id=int(segment["id"]),
                source=item["file_name"],
            )
            for i, segment in enumerate(item["segments_info"])
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise MasksError(f"{path}{where}: an entry lacks {error}") from error
    _check_ids(path, where, [entry.panoptic_id for entry in entries])
    return entries


def _check_ids(path: Path, where: str, ids: Sequence[int]) -> None:
    """Refuses segments that would share pixels or own the void."""
    if not ids:
        raise MasksError(f"{path}{where}: is empty; there is no mask to use")
    if twice := sorted({number for number in ids if ids.count(number) > 1}):
        raise MasksError(f"{path}{where}: ids {twice[:5]} stand there more than once and overlap")
    if 0 in ids:
        raise MasksError(f"{path}{where}: id 0 is void and cannot be a segment")


def rasterise(path: Path, entry: MaskEntry, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Draws an entry's RLE or polygons.

    Raises:
        MasksError: The segmentation is malformed or of another size.
    """
    try:
        if not isinstance(entry.segmentation, dict):
            return _draw_polygons(entry.segmentation, size)
        height, width = rle_size(entry.segmentation)
        if (height, width) != size:
            raise MasksError(
                f"is {height} x {width} (height x width), the image {size[0]} x {size[1]}"
            )
        return decode_rle(entry.segmentation)
    except ValueError as error:
        raise MasksError(f"{path}{entry.where}: segmentation: {error}") from error


def _draw_polygons(polygons: Any, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Draws the union of polygons [[x0, y0, x1, y1, ...], ...] as COCO's tools do."""
    from pycocotools import mask as coco_masks

    if not isinstance(polygons, Sequence) or isinstance(polygons, str) or not polygons:
        raise MasksError("is neither RLE nor a list of polygons")
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise MasksError("a polygon is not a list of at least three x, y pairs")
        if not np.isfinite(np.array(polygon, dtype=float)).all():
            raise MasksError("a polygon holds a coordinate that is not a finite number")
    drawn = coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects(polygons, *size)))
    return drawn.astype(bool)
