"""Resizing as OpenCV does it, which scripts of data sets use: without any smoothing."""

from __future__ import annotations

import numpy as np

SCALE = 2**11
"""OpenCV's weights are fixed-point numbers of so many parts."""


def bilinear(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes like `cv2.resize` with INTER_LINEAR, bit for bit.

    OpenCV resizes the width first, drops 4 of the 11 bits of the sums, then 16 of each product
    with the weights of the rows, and rounds what is left.

    Args:
        pixels: uint8 [H, W, c].
        size: New height and width.

    Returns:
        uint8 [height, width, c].
    """
    (top, bottom, upper, lower), (left, right, near, far) = (
        _taps(old, new) for old, new in zip(pixels.shape[:2], size, strict=True)
    )
    near, far = _stopped_at_the_border(left, right, near, far)
    deep = pixels.astype(np.int32)
    wide = deep[:, left] * near[:, None] + deep[:, right] * far[:, None] >> 4
    tall = (wide[top] * upper[:, None, None] >> 16) + (wide[bottom] * lower[:, None, None] >> 16)
    return (tall + 2 >> 2).astype(np.uint8)


def nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes like `cv2.resize` with INTER_NEAREST: the pixel at the floor of its scaled index."""
    rows, columns = (
        np.minimum((np.arange(new) * (old / new)).astype(int), old - 1)
        for old, new in zip(labels.shape, size, strict=True)
    )
    return labels[rows[:, None], columns]


def _taps(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The two source pixels of each new one, and their weights; the border pixel repeats."""
    place = ((np.arange(new) + 0.5) * (old / new) - 0.5).astype(np.float32)
    low = np.floor(place).astype(np.int64)
    share = place - low.astype(np.float32)
    first, second = (np.rint(part * SCALE).astype(np.int32) for part in (1 - share, share))
    return np.clip(low, 0, old - 1), np.clip(low + 1, 0, old - 1), first, second


def _stopped_at_the_border(
    left: np.ndarray, right: np.ndarray, near: np.ndarray, far: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Along the width a pixel beyond the border has no weight; along the height it keeps it."""
    beyond = left == right
    return np.where(beyond, SCALE, near), np.where(beyond, 0, far)
