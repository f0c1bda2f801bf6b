"""Label maps as PNG: segment ids in three colours as COCO panoptic has them, classes in grey."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from PIL import Image

from ovseg_jax.foundation.errors import OperandError, first_few


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
    """Reads what `classes_png` wrote; -1 for no class.

    Raises:
        OperandError: It is no grey picture, or holds values that are neither an id nor none.
    """
    grey = np.asarray(_opened(content)).astype(np.int64)
    if grey.ndim != 2:
        raise OperandError("is a picture in colours; give grey values, the id of each category")
    none = none_value(ids)
    if unknown := sorted(set(np.unique(grey).tolist()) - {*ids, none}):
        raise OperandError(
            f"holds the values {first_few(unknown)}, which are no category; for none give {none}"
        )
    table = np.full(65536, -1)
    table[list(ids)] = np.arange(len(ids))
    return table[grey]


def segments_png(segment_ids: Int[np.ndarray, "H W"]) -> bytes:
    """Writes ids as red + 256 green + 65536 blue, 0 for none."""
    parts = [segment_ids >> shift & 255 for shift in (0, 8, 16)]
    return _png(np.stack(parts, axis=-1).astype(np.uint8))


def read_segments(content: bytes) -> Int[np.ndarray, "H W"]:
    """Reads what `segments_png` wrote.

    Raises:
        OperandError: It is no picture in colours.
    """
    picture = _opened(content)
    if picture.mode not in ("RGB", "RGBA"):
        raise OperandError(
            f"has mode {picture.mode}; give RGB, with id = red + 256 green + 65536 blue"
        )
    colours = np.asarray(picture.convert("RGB")).astype(np.int64)
    return colours @ np.array([1, 256, 65536])


def _opened(content: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(content), formats=("PNG",))
        picture.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise OperandError(f"is no PNG that can be read: {error}") from error
    return picture


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
