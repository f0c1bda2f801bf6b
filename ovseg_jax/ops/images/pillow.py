"""Pillow's antialiased resize of 8-bit images without Pillow, and the sizes detectron2 resizes to.

Test-time images must be resized exactly as the reference systems did, whose detectron2 calls
Pillow. Pillow computes in integers: weights with 22 fractional bits, each of the two passes
rounded to 8 bits. Here each pass is a product with a sparse matrix of 32-bit integers, in which no
sum overflows: weights add up to 2**22, to 5/4 of that without their signs, and pixels to 255.
Unlike dense products it starts no threads, which a busy machine would make wait for each other.

The width is resized first, as in every Pillow before 13 and so in every published result. From 13
on, Pillow begins with the height where that is cheaper, which moves a bilinear result by at most
one grey level.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.sparse
from jaxtyping import UInt8

from ovseg_jax.foundation.errors import OperandError

METHODS = ("bilinear", "bicubic")
FRACTION_BITS = 22
ROWS_PER_STRIP = 32


def test_size(height: int, width: int, short: int, long: int) -> tuple[int, int]:
    """Computes the size at which a test image is shown to a model, aspect kept.

    Matches `ResizeShortestEdge` of detectron2, its rounding included.

    Args:
        height: Height of the image in pixels.
        width: Width of the image in pixels.
        short: Wanted length of the shorter side.
        long: Limit of the longer side, which wins over `short`.

    Returns:
        Height and width in pixels.
    """
    scale = short / min(height, width)
    new = [short, scale * width] if height < width else [scale * height, short]
    if max(new) > long:
        shrink = long / max(new)
        new = [side * shrink for side in new]
    return int(new[0] + 0.5), int(new[1] + 0.5)


def resize_image(
    image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int], *, method: str = "bilinear"
) -> UInt8[np.ndarray, "H W 3"]:
    """Resizes as `PIL.Image.resize` does: equal to the bit, width first (see above).

    Args:
        image: RGB pixels.
        size: Height and width of the result (Pillow takes width first).
        method: "bilinear" or "bicubic", both antialiased when shrinking.

    Returns:
        RGB pixels.

    Raises:
        OperandError: If the method is unknown or a side of either size is below 1.
    """
    if method not in METHODS:
        raise OperandError(f"method={method!r} is unknown; choose one of {', '.join(METHODS)}")
    if min(*image.shape[:2], *size) < 1:
        raise OperandError(f"cannot resize an image of {image.shape[:2]} to {tuple(size)} pixels")
    if size[1] != image.shape[1]:
        image = _resize_width(image, size[1], method)
    if size[0] != image.shape[0]:
        rows = image.reshape(len(image), -1)
        rows = _apply(_fixed_point_matrix(len(image), size[0], method), rows)
        image = rows.reshape(size[0], *image.shape[1:])
    return image


def _resize_width(image: np.ndarray, width: int, method: str) -> np.ndarray:
    """Resizes axis 1, some rows at a time so that their transposed copy stays in the cache."""
    matrix = _fixed_point_matrix(image.shape[1], width, method)
    strips = []
    for top in range(0, len(image), ROWS_PER_STRIP):
        strip = image[top : top + ROWS_PER_STRIP].swapaxes(0, 1)  # [w, rows, 3]
        resized = _apply(matrix, strip.reshape(len(strip), -1))
        strips.append(resized.reshape(width, *strip.shape[1:]).swapaxes(0, 1))
    return np.concatenate(strips)


def _apply(matrix: scipy.sparse.csr_array, pixels: np.ndarray) -> np.ndarray:
    """Multiplies, rounds, drops the fraction and clips to 8 bits."""
    sums = matrix @ pixels.astype(np.int32)
    rounded = (sums + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS
    return np.clip(rounded, 0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=16)
def _fixed_point_matrix(source: int, target: int, method: str) -> scipy.sparse.csr_array:
    """Builds the int32 weights [target, source] of one axis; Pillow's `precompute_coeffs`."""
    kernel, reach = (_triangle, 1.0) if method == "bilinear" else (_cubic, 2.0)
    scale = source / target
    stretch = max(scale, 1.0)
    support = reach * stretch
    centre = (np.arange(target) + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    count = np.minimum((centre + support + 0.5).astype(np.int64), source) - first
    tap = np.arange(2 * int(np.ceil(support)) + 1)
    weights = kernel((tap + first[:, None] - centre[:, None] + 0.5) * (1 / stretch))
    weights = np.where(tap < count[:, None], weights, 0.0)
    weights = weights / np.cumsum(weights, axis=1)[:, -1:]  # summed one by one, as Pillow does
    scaled = weights * 2**FRACTION_BITS
    integers = np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5)).astype(np.int32)
    rows, taps = np.nonzero(integers)
    where = (rows, first[rows] + taps)
    return scipy.sparse.csr_array((integers[rows, taps], where), shape=(target, source))


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(distance), 0)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.5."""
    a, x = -0.5, np.abs(distance)
    inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    outer = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))
