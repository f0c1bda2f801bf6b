"""Resizing as OpenCV does it, which scripts of data sets use: without any smoothing."""

from __future__ import annotations

import numpy as np

SCALE = 2**11
"""OpenCV's weights are fixed-point numbers of so many parts."""


def bilinear(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes like `cv2.resize` with INTER_LINEAR.

    Args:
        pixels: uint8 [H, W, c].
        size: New height and width.

    Returns:
        uint8; equal to OpenCV's within one level.
    """
    rows, columns = (_taps(old, new) for old, new in zip(pixels.shape[:2], size, strict=True))
    wide = pixels.astype(np.int64)
    low, high, weight = columns
    wide = wide[:, low] * (SCALE - weight)[:, None] + wide[:, high] * weight[:, None]
    low, high, weight = rows
    tall = wide[low] * (SCALE - weight)[:, None, None] + wide[high] * weight[:, None, None]
    return ((tall + SCALE**2 // 2) // SCALE**2).astype(np.uint8)


def nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes like `cv2.resize` with INTER_NEAREST: the pixel at the floor of its scaled index."""
    rows, columns = (
        np.minimum((np.arange(new) * (old / new)).astype(int), old - 1)
        for old, new in zip(labels.shape, size, strict=True)
    )
    return labels[rows[:, None], columns]


def _taps(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two source pixels of each new one, and the weight of the second."""
    place = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    low = place.astype(int)
    return low, np.minimum(low + 1, old - 1), np.rint((place - low) * SCALE).astype(np.int64)
