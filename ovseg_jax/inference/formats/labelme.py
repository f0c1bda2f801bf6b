"""LabelMe: a JSON per photo, with polygons that its editor can change.

The parts of a mask are polygons of one `group_id`. A mask with holes, which polygons cannot hold
there, is a shape "mask", with its pixels as a small PNG. The score stands in the description.
"""

from __future__ import annotations

import base64
import io
import posixpath
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import numpy as np
from jaxtyping import Bool
from PIL import Image

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.inference.formats.coco import box_of
from ovseg_jax.inference.formats.photo import AnsweredPhoto, Segment
from ovseg_jax.inference.formats.writer import Writer
from ovseg_jax.masks.outlines import polygons_of

VERSION = "5.5.0"
"""Of LabelMe's format; with another first number it warns."""


class LabelMe(Writer):
    """A file per photo."""

    def photo_names(self, stem: str) -> tuple[str, ...]:
        """The name that LabelMe looks for beside a photo of that stem."""
        return (f"{stem}.json",)

    def photo_files(self, photo: AnsweredPhoto) -> Iterator[bytes]:
        """Yields the file, which names the photo as seen from its own folder."""
        yield json_bytes(
            {
                "version": VERSION,
                "flags": {},
                "shapes": [shape for segment in photo.segments for shape in _shapes(segment)],
                "imagePath": _path_from_here(photo),
                "imageData": None,
                "imageHeight": photo.height,
                "imageWidth": photo.width,
            },
            indent=1,
        )


WRITER = LabelMe()


def _path_from_here(photo: AnsweredPhoto) -> str:
    if not photo.path:
        return photo.file
    if PurePath(photo.path).is_absolute():
        return photo.path
    return posixpath.normpath(posixpath.join("..", photo.path))


def _shapes(segment: Segment) -> list[dict[str, Any]]:
    mask = segment.mask()
    parts = polygons_of(mask)
    if any(part.holes for part in parts):
        return [_picture(segment, mask)]
    group = segment.number if len(parts) > 1 else None
    return [_shape(segment, "polygon", part.outer.tolist()) | {"group_id": group} for part in parts]


def _picture(segment: Segment, mask: Bool[np.ndarray, "H W"]) -> dict[str, Any]:
    left, top, width, height = box_of(mask)
    cut = mask[top : top + height, left : left + width].astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(cut).save(buffer, "PNG")
    corners = [[left, top], [left + width - 1, top + height - 1]]  # the last pixel belongs to it
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    return _shape(segment, "mask", corners) | {"mask": encoded}


def _shape(segment: Segment, kind: str, points: list[list[int]]) -> dict[str, Any]:
    return {
        "label": segment.category.name,
        "points": points,
        "group_id": None,
        "description": f"score {segment.score:.4f}",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }
