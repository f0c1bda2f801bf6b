"""Label maps as PNG: segment ids in three colours as COCO panoptic has them, classes in grey."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from PIL import Image


def none_value(ids: Sequence[int]) -> int:
    """Returns the grey value of pixels without a class: 0, or where a class has that, the top."""
    if 0 not in ids:
        return 0
    return 255 if max(ids) < 255 else 65535


def classes_png(labels: Int[np.ndarray, "H W"], ids: Sequence[int]) -> bytes:
    """Writes the category id of each pixel, with 8 bits where ids fit, else with 16.

    Args:
        labels: Class of each pixel, -1 for none.
        ids: Category id of each class.
    """
    none = none_value(ids)
    kind = np.uint8 if max([*ids, none]) < 256 else np.uint16
    return _png(np.array([none, *ids], kind)[labels + 1])


def read_classes(content: bytes, ids: Sequence[int]) -> Int[np.ndarray, "H W"]:
    """Reads what `classes_png` wrote; -1 for values that are no id."""
    grey = np.asarray(Image.open(io.BytesIO(content))).astype(np.int64)
    table = np.full(65536, -1)
    table[list(ids)] = np.arange(len(ids))
    return table[grey]


def segments_png(segment_ids: Int[np.ndarray, "H W"]) -> bytes:
    """Writes ids as red + 256 green + 65536 blue, 0 for none."""
    parts = [segment_ids >> shift & 255 for shift in (0, 8, 16)]
    return _png(np.stack(parts, axis=-1).astype(np.uint8))


def read_segments(content: bytes) -> Int[np.ndarray, "H W"]:
    """Reads what `segments_png` wrote."""
    colours = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(np.int64)
    return colours @ np.array([1, 256, 65536])


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
