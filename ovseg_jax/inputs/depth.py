"""Numbers of any range to eight bits, so that no photo is black because its range was not known.

* Booleans: True is white.
* Bytes: as they are.
* Wider whole numbers: white is the largest number of the smallest depth (8, 10, 12, 14 or 16 bits)
  that holds the maximum, so twelve bits in a sixteen-bit file come out right. Where fewer than
  sixteen bits are taken, a warning says so. A file that states its depth is believed.
* Fractions: white is 1 where nothing is above 1, else 255. A maximum between 1 and 16 could be
  either, so it is refused unless all numbers are whole.

Negative numbers, NaN, and numbers past the last range are refused.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Num, UInt8

from ovseg_jax.foundation.errors import ImageError, warn

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that cameras, scanners and microscopes store."""
SLACK = 1e-3
"""Rounding of resized fractions may pass 0 and 1 by this much."""
DARKEST_PHOTO = 16
"""Fractions of 0 to 255 that stay below this are no photo; of 0 to 1 none reaches it."""
Scalar = np.floating | np.integer
"""One number out of an array."""


def to_eight_bits(
    values: Num[np.ndarray, "*shape"], name: str, white: int | None = None
) -> UInt8[np.ndarray, "*shape"]:
    """Scales numbers to bytes by the rule of this module.

    Args:
        values: Booleans, whole numbers or fractions.
        name: Of the file or the array, for messages.
        white: The number that is white, where the file states it; it counts if it holds all values.

    Raises:
        ImageError: The numbers have no range that is agreed on.
    """
    values = _standard(values, name)
    if values.dtype == bool:
        return np.where(values, np.uint8(255), np.uint8(0))
    if values.dtype == np.uint8:
        return values
    low, high = values.min(initial=0), values.max(initial=0)
    _check_range(low, high, name)
    if values.dtype.kind == "f":
        scale = 255 / _white_of_fractions(values, high, name)
        return np.rint(np.clip(values, 0, None) * scale).clip(max=255).astype(np.uint8)
    if white is None or high > white:
        white = _guess_white(int(high), values.dtype, name)
    table = np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)
    return table[values]


def _standard(values: np.ndarray, name: str) -> np.ndarray:
    """Brings bfloat16, float16 and the like to types that NumPy computes with."""
    if values.dtype.name.startswith(("bfloat", "float")):
        return values.astype(np.float32 if values.dtype.itemsize <= 4 else np.float64, copy=False)
    if values.dtype.kind in "bui":
        return values
    raise ImageError(
        f"{name}: holds values of type {values.dtype}; pass numbers: uint8 from 0 to 255, or "
        "fractions from 0 to 1"
    )


def _check_range(low: Scalar, high: Scalar, name: str) -> None:
    if not np.isfinite(low) or not np.isfinite(high):
        raise ImageError(f"{name}: holds NaN or infinite values; replace them first")
    if low < -SLACK:
        raise ImageError(
            f"{name}: holds negative values ({low:g} to {high:g}); pass the photo before any "
            "normalisation, as uint8 from 0 to 255 or fractions from 0 to 1"
        )
    if high > 2 ** DEPTHS[-1] - 1:
        raise ImageError(
            f"{name}: holds values up to {high:g}, which have no agreed range; scale them to 0 to "
            "255 and pass uint8, or convert the picture to 8 or 16 bits"
        )


def _white_of_fractions(values: np.ndarray, high: Scalar, name: str) -> int:
    if high <= 1 + SLACK:
        return 1
    plain = DARKEST_PHOTO <= high <= 255 * (1 + SLACK)
    if plain or (high <= 255 and not np.mod(values, 1).any()):
        return 255
    raise ImageError(
        f"{name}: fractions up to {high:g} are neither 0 to 1 nor plainly 0 to 255; scale or clip "
        "them and pass uint8 from 0 to 255, or fractions from 0 to 1"
    )


def _guess_white(high: int, dtype: np.dtype, name: str) -> int:
    """The largest number of the smallest depth that holds the maximum."""
    bits = next(bits for bits in DEPTHS if high < 2**bits)
    # Arithmetic on bytes gives wide integers, which then mean nothing else.
    widened = bits == 8 and dtype != np.uint16
    if bits < 16 and high and not widened:
        warn(
            f"{name}: {8 * dtype.itemsize}-bit numbers that reach {high} only; read as {bits} bits "
            f"({2**bits - 1} is white). If that is wrong, pass or save eight bits"
        )
    return 2**bits - 1
