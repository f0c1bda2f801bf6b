"""LabelMe's JSON: one file per photo, with polygons, boxes, circles and small mask pictures."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError, warn
from ovseg_jax.masks.entries import check_name, check_size
from ovseg_jax.masks.found import MaskEntry, Size, Subject
from ovseg_jax.masks.label_maps import single_mask
from ovseg_jax.masks.pictures import decode_picture
from ovseg_jax.masks.shapes import draw_box, draw_ellipse, draw_polygons, points

WITHOUT_AREA = ("line", "linestrip", "point", "points")
"""Shapes that cover nothing."""


def read_labelme(path: Path, content: Mapping[str, Any], subject: Subject) -> list[MaskEntry]:
    """Lists the masks; shapes of one label and one `group_id` are one mask.

    Raises:
        MasksError: The file names another photo or size, or a shape is malformed.
    """
    check_name(path, "'imagePath'", content.get("imagePath"), subject)
    sides = {"height": content.get("imageHeight"), "width": content.get("imageWidth")}
    check_size(path, "'imageHeight', 'imageWidth'", sides, subject)
    shapes = content.get("shapes")
    if not isinstance(shapes, list) or any(not isinstance(shape, dict) for shape in shapes):
        raise MasksError(f"{path}: 'shapes' is not a list of objects")
    left_out = [s for s in shapes if s.get("shape_type") in WITHOUT_AREA]
    if left_out:
        warn(
            f"{path}: {len(left_out)} shapes of type {left_out[0]['shape_type']!r} and the like "
            "cover no area and are left out"
        )
    groups: dict[Any, list[int]] = {}
    for index, shape in enumerate(shapes):
        if shape.get("shape_type") not in WITHOUT_AREA:
            group = shape.get("group_id")
            key = index if group is None else (repr(shape.get("label")), repr(group))
            groups.setdefault(key, []).append(index)
    return [_entry([shapes[i] for i in numbers], numbers) for numbers in groups.values()]


def _entry(shapes: Sequence[Mapping[str, Any]], numbers: Sequence[int]) -> MaskEntry:
    label = shapes[0].get("label")
    return MaskEntry(
        where=f"shapes[{', '.join(map(str, numbers))}]",
        draw=functools.partial(_draw_group, shapes),
        name=label if isinstance(label, str) else None,
    )


def _draw_group(shapes: Sequence[Mapping[str, Any]], size: Size) -> Bool[np.ndarray, "H W"]:
    drawn = _draw(shapes[0], size)
    for shape in shapes[1:]:
        drawn = drawn | _draw(shape, size)
    return drawn


def _draw(shape: Mapping[str, Any], size: Size) -> Bool[np.ndarray, "H W"]:
    kind = shape.get("shape_type") or "polygon"  # LabelMe before 3.0 knew nothing else
    corners = points(shape.get("points"))
    if kind == "polygon":
        return draw_polygons([[value for corner in corners for value in corner]], size)
    if kind not in ("rectangle", "circle", "mask"):
        raise MasksError(f"'shape_type' is {kind!r:.50}, not polygon, rectangle, circle or mask")
    if len(corners) != 2:
        raise MasksError(f"a {kind} has {len(corners)} points, not 2")
    (left, top), (right, bottom) = corners
    if kind == "rectangle":
        return draw_box(left, top, right, bottom, size)
    if kind == "circle":  # its centre, and a point of its edge
        radius = math.hypot(right - left, bottom - top)
        return draw_ellipse((left, top), (radius, radius), size)
    return _paste(shape.get("mask"), _Box.between(corners), size)


@dataclasses.dataclass(frozen=True)
class _Box:
    """Rows and columns of a mask picture; the last ones belong to it."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def between(cls, corners: Sequence[tuple[float, float]]) -> _Box:
        (left, top), (right, bottom) = ((round(x), round(y)) for x, y in corners)
        return cls(top, left, bottom, right)


def _paste(encoded: Any, box: _Box, size: Size) -> Bool[np.ndarray, "H W"]:
    """Lays a mask picture, PNG in base64, into the photo's frame."""
    inside = 0 <= box.top <= box.bottom < size[0] and 0 <= box.left <= box.right < size[1]
    if not inside:
        raise MasksError(f"a mask's points {box} do not lie in the photo of {size[0]} x {size[1]}")
    try:
        content = base64.b64decode(encoded, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise MasksError(f"'mask' is no picture in base64 ({error})") from error
    own = (box.bottom - box.top + 1, box.right - box.left + 1)
    drawn = np.zeros(size, bool)
    part = single_mask(decode_picture(content, "'mask'", own), "'mask'")
    drawn[box.top : box.bottom + 1, box.left : box.right + 1] = part
    return drawn
