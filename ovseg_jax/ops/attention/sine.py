"""Sine position codes of image grids, as DETR and everything after it adds them to keys."""

from __future__ import annotations

import functools
import math

import numpy as np
from jaxtyping import Float

from ovseg_jax.foundation.errors import OperandError

TEMPERATURE = 10_000.0
EPS = 1e-6


@functools.lru_cache(maxsize=64)
def sine_positions(height: int, width: int, channels: int) -> Float[np.ndarray, "h w c"]:
    """Codes the place of every cell; a constant of the shape.

    Rows and columns are counted from 1 and divided by their number, so the last lies at 2 pi.
    Matches `PositionEmbeddingSine(normalize=True)` of Mask2Former and DETR (docs/reference 5.2).

    Args:
        height: Rows of the grid.
        width: Columns of the grid.
        channels: Length of a code, a multiple of four: first half for the row, second for the
            column, each with sines at even places and cosines at odd ones.

    Raises:
        OperandError: The channels are no multiple of four.
    """
    if channels % 4:
        raise OperandError(f"sine positions of {channels} channels: must be a multiple of four")
    half = channels // 2
    rows, columns = _axis(height, half), _axis(width, half)
    return np.concatenate(
        [
            np.broadcast_to(rows[:, None], (height, width, half)),
            np.broadcast_to(columns[None], (height, width, half)),
        ],
        axis=-1,
    )


def _axis(cells: int, channels: int) -> Float[np.ndarray, "n c"]:
    place = np.arange(1, cells + 1) / (cells + EPS) * 2 * math.pi
    periods = TEMPERATURE ** (2 * (np.arange(channels) // 2) / channels)
    angles = place[:, None] / periods
    even = np.arange(channels) % 2 == 0
    return np.where(even, np.sin(angles), np.cos(angles)).astype(np.float32)
