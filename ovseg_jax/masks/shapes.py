"""Outlines drawn as masks: polygons as COCO's tools draw them, boxes, circles, ellipses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import Size
from ovseg_jax.masks.rle import decode_rle_of

MAX_OUTLINE = 2_000_000
"""Pixels of a mask's outline, all polygons together; drawing takes 80 bytes for each."""


def draw_segmentation(segmentation: Any, size: Size) -> Bool[np.ndarray, "H W"]:
    """Draws COCO's "segmentation": run lengths or polygons.

    Raises:
        MasksError: It is malformed or of another size.
    """
    if isinstance(segmentation, dict):
        return decode_rle_of(segmentation, size)
    return draw_polygons(segmentation, size)


def draw_polygons(polygons: Any, size: Size) -> Bool[np.ndarray, "H W"]:
    """Draws the union of polygons [[x0, y0, x1, y1, ...], ...] as COCO's tools do.

    Raises:
        MasksError: One is no polygon, or reaches far beyond the photo.
    """
    from pycocotools import mask as coco_masks

    if not isinstance(polygons, Sequence) or isinstance(polygons, str):
        raise MasksError("is neither RLE nor a list of polygons")
    if not polygons:
        raise MasksError("is empty; an annotation with a box alone has no mask")
    checked = [_checked(polygon, size) for polygon in polygons]
    if sum(map(_length, checked)) > MAX_OUTLINE:
        raise MasksError(f"the outline is longer than {MAX_OUTLINE} pixels, which no object has")
    # The stubs of pycocotools know whole coordinates only.
    drawn = coco_masks.frPyObjects(checked, *size)  # type: ignore[reportCallIssue, reportArgumentType]
    return coco_masks.decode(coco_masks.merge(drawn)).astype(bool)


def draw_box(left: float, top: float, right: float, bottom: float, size: Size) -> np.ndarray:
    """Draws a box between two corners, in pixels."""
    return draw_polygons([[left, top, right, top, right, bottom, left, bottom]], size)


def draw_ellipse(
    centre: tuple[float, float],
    radii: tuple[float, float],
    size: Size,
    turned: float = 0.0,
) -> Bool[np.ndarray, "H W"]:
    """Draws an ellipse.

    Args:
        centre: x and y in pixels.
        radii: Along x and along y, in pixels.
        size: Height and width.
        turned: Clockwise rotation in degrees.
    """
    numbers((*centre, *radii, turned))
    if min(radii) <= 0:
        return np.zeros(size, bool)
    y, x = np.ogrid[: size[0], : size[1]]
    across, down = x + 0.5 - centre[0], y + 0.5 - centre[1]
    cosine, sine = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    along = (across * cosine + down * sine) / radii[0]
    beside = (down * cosine - across * sine) / radii[1]
    return along**2 + beside**2 <= 1


def numbers(values: Any, what: str = "a coordinate") -> list[float]:
    """Returns finite numbers.

    Raises:
        MasksError: One is something else.
    """
    if not isinstance(values, list | tuple):
        raise MasksError(f"{what} is {type(values).__name__}, not a list of numbers")
    if not all(type(value) in (int, float) for value in values):
        raise MasksError(f"{what} is not a number")
    if not all(abs(value) < 1e15 for value in values):  # NaN and infinity too
        raise MasksError(f"{what} is not a finite number")
    return [float(value) for value in values]


def points(pairs: Any, what: str = "points") -> list[tuple[float, float]]:
    """Returns [[x, y], ...] as pairs of finite numbers.

    Raises:
        MasksError: It is something else.
    """
    if not isinstance(pairs, list) or not pairs:
        raise MasksError(f"{what!r} is not a list of [x, y]")
    if any(not isinstance(pair, list) or len(pair) != 2 for pair in pairs):
        raise MasksError(f"{what!r} is not a list of [x, y]")
    return [(x, y) for x, y in map(numbers, pairs)]


def _checked(polygon: Any, size: Size) -> list[float]:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise MasksError("a polygon is not a list of at least three x, y pairs")
    values = numbers(polygon, "a polygon holds a coordinate that")
    for axis, side in enumerate(size[::-1]):
        low, high = min(values[axis::2]), max(values[axis::2])
        if low < -side or high > 2 * side:
            raise MasksError(
                f"a polygon reaches from {'xy'[axis]} = {low:g} to {high:g}, and the photo has "
                f"{side} pixels there; it was drawn on another size"
            )
    return values


def _length(polygon: Sequence[float]) -> float:
    corners = np.array(polygon).reshape(-1, 2)
    return float(np.abs(corners - np.roll(corners, 1, 0)).max(1).sum())
