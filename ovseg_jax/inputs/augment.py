"""Training-time geometry on one picture and its id map: flip, large-scale jitter, crop, pad.

Matches `RandomFlip`, `ResizeScale` and `FixedSizeCrop` of detectron2 (docs/reference 8.4): the
crop's two offsets share one random factor, as they do there, and Pillow resizes, as it does there.
Only what the crop shows is resized. Where that is a part, a few values differ by a grey level from
a crop out of the whole: Pillow takes the part's edges as float32.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.colors import jitter_colors
from ovseg_jax.inputs.reading import Record

DRAWS = 3
"""Uniform random numbers for the geometry of one picture."""


class Framed(NamedTuple):
    """An example in the training frame.

    Attributes:
        image: Pixels, padded right and below.
        rows: Row of the id map that each row of the picture shows; none for padding.
        columns: The same for columns.
        size: Height and width of the part that counts as picture. Padding of a fixed grey level
            counts, as in detectron2; `pad_value` -1 leaves it out, so that it becomes the mean
            colour.
    """

    image: UInt8[np.ndarray, "H W 3"]
    rows: Int[np.ndarray, " h"]
    columns: Int[np.ndarray, " w"]
    size: Int[np.ndarray, "2"]


class _Window(NamedTuple):
    """The part of a resized picture that the frame shows; pairs are height and width."""

    whole: tuple[int, int]
    start: tuple[int, int]
    shown: tuple[int, int]


def augment(
    record: Record,
    draws: Float[np.ndarray, " 3"],
    colors: Float[np.ndarray, " 9"],
    data: DataConfig,
) -> Framed:
    """Brings one record into the training frame.

    Args:
        record: What was read.
        draws: Uniform in [0, 1): flip, scale, crop.
        colors: Those of `jitter_colors`; read where `data.color_jitter` is set.
        data: The stream's settings; `image_size`, `scale`, `flip`, `color_jitter` and `pad_value`
            are read.
    """
    flip = data.flip and draws[0] < 0.5
    window = _window(record.ids.shape, draws, data)
    image = _resized(record.image, window, flip)
    if data.color_jitter:
        image = jitter_colors(image, colors)
    rows, columns = _nearest(record.ids.shape, window)
    return Framed(
        image=_padded(image, data.image_size, max(data.pad_value, 0)),
        rows=rows,
        columns=record.ids.shape[1] - 1 - columns if flip else columns,
        size=np.asarray(data.image_size if data.pad_value >= 0 else window.shown, np.int32),
    )


def _window(shape: tuple[int, ...], draws: np.ndarray, data: DataConfig) -> _Window:
    """Fits the picture into the frame times a random factor, and chooses what the frame shows."""
    low, high = np.asarray(data.scale, np.float32)
    frame = np.asarray(data.image_size, np.float32) * (low + (high - low) * draws[1])
    sides = np.asarray(shape, np.float32)
    whole = np.maximum(np.rint(sides * (frame / sides).min()).astype(int), 1)
    room = np.maximum(whole - data.image_size, 0)
    start = np.rint(room.astype(np.float32) * draws[2]).astype(int)
    shown = np.minimum(whole, data.image_size)
    pairs = (tuple(pair.tolist()) for pair in (whole, start, shown))
    return _Window(*pairs)


def _resized(image: Image.Image, window: _Window, flip: bool) -> UInt8[np.ndarray, "_h _w 3"]:
    """Resizes what the frame shows; of a mirrored picture, the same part of the picture itself."""
    (height, width), (top, left), (rows, columns) = window
    if flip:
        left = width - left - columns
    down, across = image.height / height, image.width / width
    right = min((left + columns) * across, image.width)
    box = (left * across, top * down, right, min((top + rows) * down, image.height))
    part = image.resize((columns, rows), Image.Resampling.BILINEAR, box=box)
    return np.asarray(part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else part)


def _nearest(shape: tuple[int, ...], window: _Window) -> list[Int[np.ndarray, " n"]]:
    """Returns the row and column under each new centre, as Pillow's nearest filter does."""
    return [
        np.minimum(((np.arange(first, first + count) + 0.5) * old / new).astype(int), old - 1)
        for old, new, first, count in zip(shape, *window, strict=True)
    ]


def _padded(
    pixels: UInt8[np.ndarray, "_h _w 3"], frame: tuple[int, int], value: int
) -> UInt8[np.ndarray, "H W 3"]:
    """Fills the frame up to the right and below."""
    if pixels.shape[:2] == frame:
        return pixels
    padded = np.full((*frame, 3), value, np.uint8)
    padded[: pixels.shape[0], : pixels.shape[1]] = pixels
    return padded
