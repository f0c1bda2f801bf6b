"""GeoJSON in pixels: a feature collection per photo, polygons with holes, as QuPath imports them.

Coordinates are x and y in pixels from the upper left corner, y downwards, along the edges of
pixels; "image" says of which photo and which size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.inference.formats.photo import AnsweredPhoto, Segment
from ovseg_jax.inference.formats.writer import Writer
from ovseg_jax.masks.outlines import Ring, polygons_of


class GeoJson(Writer):
    """A file per photo."""

    def photo_names(self, stem: str) -> tuple[str, ...]:
        """One file."""
        return (f"{stem}.geojson",)

    def photo_files(self, photo: AnsweredPhoto) -> Iterator[bytes]:
        """Yields the file."""
        yield json_bytes(
            {
                "type": "FeatureCollection",
                "image": {"file": photo.file, "height": photo.height, "width": photo.width},
                "features": [_feature(segment) for segment in photo.segments],
            }
        )


WRITER = GeoJson()


def _feature(segment: Segment) -> dict[str, Any]:
    parts = [
        [_closed(ring) for ring in (part.outer, *part.holes)]
        for part in polygons_of(segment.mask())
    ]
    several = len(parts) > 1
    category = segment.category
    return {
        "type": "Feature",
        "geometry": {
            "type": "MultiPolygon" if several else "Polygon",
            "coordinates": parts if several else parts[0],
        },
        "properties": {
            "objectType": "annotation",
            "classification": {"name": category.name, "color": list(category.color)},
            "category_id": category.id,
            "is_thing": category.is_thing,
            "score": segment.score,
        },
    }


def _closed(ring: Ring) -> list[list[int]]:
    return np.concatenate([ring, ring[:1]]).tolist()
