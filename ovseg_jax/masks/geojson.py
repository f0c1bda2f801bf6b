"""GeoJSON whose coordinates are pixels: our own, which states the photo's size, and QuPath's."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError, warn
from ovseg_jax.masks.entries import check_name, check_size
from ovseg_jax.masks.found import MaskEntry, Size, Subject
from ovseg_jax.masks.shapes import draw_polygons, points

Rings = list[list[Any]]


def is_pixel_geojson(content: Mapping[str, Any]) -> bool:
    """Whether a JSON is GeoJSON that says that its coordinates are pixels, not degrees."""
    features = content.get("features")
    if content.get("type") != "FeatureCollection" or not isinstance(features, list):
        return False
    return isinstance(content.get("image"), dict) or (
        bool(features) and all("objectType" in _properties(feature) for feature in features)
    )


def read_geojson(path: Path, content: Mapping[str, Any], subject: Subject) -> list[MaskEntry]:
    """Lists the masks, one per feature.

    Raises:
        MasksError: The file names another photo or size, or a feature is malformed.
    """
    image = content.get("image") or {}
    check_name(path, "'image'", image.get("file"), subject)
    check_size(path, "'image'", image, subject)
    found = []
    left_out = 0
    for number, feature in enumerate(content["features"]):
        where = f"features[{number}]"
        parts = _parts(path, where, feature)
        left_out += not parts
        if parts:
            name = _name(_properties(feature))
            found.append(MaskEntry(where, functools.partial(_draw, parts), name=name))
    if left_out:
        warn(f"{path}: {left_out} features of lines and points cover no area and are left out")
    return found


def _properties(feature: Any) -> Mapping[str, Any]:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    return properties if isinstance(properties, dict) else {}


def _name(properties: Mapping[str, Any]) -> str | None:
    classification = properties.get("classification")
    holder = classification if isinstance(classification, dict) else properties
    name = holder.get("name")
    return name if isinstance(name, str) else None


def _parts(path: Path, where: str, feature: Any) -> list[Rings]:
    """Polygons, each a list of rings; none of a geometry without area."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        raise MasksError(f"{path} {where}: has no geometry")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind in ("Point", "MultiPoint", "LineString", "MultiLineString"):
        return []
    if kind not in ("Polygon", "MultiPolygon"):
        raise MasksError(f"{path} {where}: is {kind!r:.50}, not Polygon or MultiPolygon")
    parts: Any = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not all(isinstance(part, list) and part for part in parts):
        raise MasksError(f"{path} {where}: 'coordinates' are no lists of rings")
    return parts


def _draw(parts: list[Rings], size: Size) -> Bool[np.ndarray, "H W"]:
    drawn = np.zeros(size, bool)
    for outer, *holes in parts:
        part = _ring(outer, size)
        for hole in holes:
            part &= ~_ring(hole, size)
        drawn |= part
    return drawn


def _ring(ring: Any, size: Size) -> Bool[np.ndarray, "H W"]:
    corners = points(ring, "coordinates")
    return draw_polygons([[side for corner in corners for side in corner]], size)
