"""A photo as the network sees it: test-time size, and padding to a bounded set of shapes."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from ovseg_jax.ops.images.pillow import resize_image, test_size

MULTIPLE = 32
"""Sides of frames are multiples of about this, so that few shapes occur and each compiles once."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A photo as the network sees it.

    Attributes:
        frame: RGB, resized and padded with zeros to the right and below.
        size: Height and width of the picture inside the frame.
    """

    frame: UInt8[np.ndarray, "H W 3"]
    size: tuple[int, int]


def frame_size(height: int, width: int, stride: int = MULTIPLE) -> tuple[int, int]:
    """Rounds both sides up to whole cells, as many at a time as fit into `MULTIPLE`.

    Args:
        height: Of the picture.
        width: Of the picture.
        stride: Pixels per cell of the image tower: 32, or a ViT's patch (14 gives 28).
    """
    multiple = frame_multiple(stride)
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple


def frame_multiple(stride: int = MULTIPLE) -> int:
    """Returns what sides of frames are multiples of: as many cells as fit into `MULTIPLE`."""
    return stride * max(1, MULTIPLE // stride)


def prepare(
    pixels: UInt8[np.ndarray, "h w 3"], short: int, long: int, stride: int = MULTIPLE
) -> Prepared:
    """Resizes a photo to its test size and pads it to a frame.

    Resizing is Pillow's, to the bit, and sizes are detectron2's, so that official weights see
    what they were tested on.

    Args:
        pixels: RGB.
        short: Wanted length of the shorter side; 0 keeps the photo's size.
        long: Limit of the longer side.
        stride: Pixels per cell of the image tower.
    """
    height, width = pixels.shape[:2]
    size = (height, width)
    if short:
        tall, wide = test_size(height, width, short, long)
        size = (max(1, tall), max(1, wide))
    frame = np.zeros((*frame_size(*size, stride), 3), np.uint8)
    frame[: size[0], : size[1]] = pixels if size == (height, width) else resize_image(pixels, size)
    return Prepared(frame, size)


def shrink_mask(mask: Bool[np.ndarray, "H W"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Resizes a hard mask like the photo, antialiased, inside where at least half is covered.

    A mask too small for that keeps the cells that it covers most, so it never vanishes.
    """
    if mask.shape == tuple(size):
        return mask
    height, width = size
    if not mask.any():
        return np.zeros(size, bool)
    grey = Image.fromarray(mask.astype(np.float32))
    covered = np.asarray(grey.resize((width, height), Image.Resampling.BILINEAR))
    return covered >= min(covered.max(), 0.5)
