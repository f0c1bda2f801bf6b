"""VGG Image Annotator's JSON: polygons, boxes, circles and ellipses of many photos."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import MaskEntry, Size, Subject
from ovseg_jax.masks.names import match_name
from ovseg_jax.masks.shapes import draw_box, draw_ellipse, draw_polygons, numbers

NAME_KEYS = ("class", "name", "label", "type", "category", "object")
"""Attributes in which people keep the class; a region's only attribute counts too."""


def is_via(content: Mapping[str, Any]) -> bool:
    """Whether a JSON's content is a project or an export of annotations of VIA 1 or 2."""
    return any(_is_image(image) for image in _images(content).values())


def read_via(path: Path, content: Mapping[str, Any], subject: Subject) -> list[MaskEntry]:
    """Lists a photo's masks.

    Raises:
        MasksError: The photo is not listed, or a region is malformed.
    """
    images = [image for image in _images(content).values() if _is_image(image)]
    match = match_name(path, [image["filename"] for image in images], subject)
    found = [image for image in images if image["filename"] == match.name]
    if len(found) > 1:
        raise MasksError(f"{path}: lists {match.name!r} {len(found)} times")
    regions = found[0]["regions"]
    regions = list(regions.values()) if isinstance(regions, dict) else regions  # VIA 1
    if any(not isinstance(region, dict) for region in regions):
        raise MasksError(f"{path} {match}: a region is not an object")
    return [
        MaskEntry(
            where=f"regions[{index}] of {match}",
            draw=functools.partial(_draw, region.get("shape_attributes")),
            name=_class(region.get("region_attributes")),
        )
        for index, region in enumerate(regions)
    ]


def _images(content: Mapping[str, Any]) -> Mapping[str, Any]:
    images = content.get("_via_img_metadata", content)
    return images if isinstance(images, dict) else {}


def _is_image(image: Any) -> bool:
    return (
        isinstance(image, dict)
        and isinstance(image.get("filename"), str)
        and isinstance(image.get("regions"), list | dict)
    )


def _class(attributes: Any) -> str | None:
    if not isinstance(attributes, dict):
        return None
    values = [attributes[key] for key in NAME_KEYS if isinstance(attributes.get(key), str)]
    if not values and len(attributes) == 1:
        values = [value for value in attributes.values() if isinstance(value, str)]
    return values[0] if values else None


def _draw(shape: Any, size: Size) -> Bool[np.ndarray, "H W"]:
    if not isinstance(shape, dict):
        raise MasksError("'shape_attributes' is not an object")
    kind = shape.get("name")
    if kind == "polygon":
        x, y = (numbers(shape.get(f"all_points_{axis}"), f"all_points_{axis}") for axis in "xy")
        if len(x) != len(y):
            raise MasksError(f"a polygon has {len(x)} x and {len(y)} y")
        return draw_polygons([[side for pair in zip(x, y, strict=True) for side in pair]], size)
    if kind == "rect":
        left, top, wide, high = numbers([shape.get(k) for k in ("x", "y", "width", "height")])
        return draw_box(left, top, left + wide, top + high, size)
    if kind == "circle":
        x, y, radius = numbers([shape.get(key) for key in ("cx", "cy", "r")])
        return draw_ellipse((x, y), (radius, radius), size)
    if kind == "ellipse":
        x, y, wide, high = numbers([shape.get(key) for key in ("cx", "cy", "rx", "ry")])
        turned = numbers([shape.get("theta") or 0])[0]  # radians
        return draw_ellipse((x, y), (wide, high), size, float(np.degrees(turned)))
    raise MasksError(f"a region of kind {kind!r:.99} covers no area, or is not known")
