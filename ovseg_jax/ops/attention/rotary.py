"""Rotary position embedding of image cells, as EVA02 uses it (docs/reference 0.5)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.foundation.typing import Struct, struct


@struct
class Rotation(Struct):
    """How far every channel of every cell turns.

    Attributes:
        cosine: Of the angles.
        sine: Of the angles.
    """

    cosine: Float[Array, "cells d"]
    sine: Float[Array, "cells d"]


def rotation(
    grid: tuple[int, int], channels: int, span: int, temperature: float = 10_000.0
) -> Rotation:
    """Tabulates the turn of every cell of a grid; all blocks of a tower share one table.

    The first half of the channels turns by the row, the second by the column; two neighbouring
    channels share a frequency. Coordinates are scaled so that every grid spans the same range,
    that of the grid of pre-training. Matches `VisionRotaryEmbeddingFast` of EVA-CLIP.

    Args:
        grid: Rows and columns.
        channels: Per attention head; a multiple of four.
        span: Cells per side of the grid of pre-training.
        temperature: Ratio of the fastest to the slowest turn, nearly.

    Raises:
        OperandError: The channels are no multiple of four.
    """
    if channels % 4:
        raise OperandError(f"rotary positions need channels in fours, not {channels}")
    frequencies = temperature ** (-np.arange(0, channels // 2, 2) / (channels // 2))
    rows, columns = (np.arange(n) / n * span for n in grid)
    angles = [np.repeat(np.outer(t, frequencies), 2, axis=-1) for t in (rows, columns)]
    by_row = np.broadcast_to(angles[0][:, None], (*grid, channels // 2))
    by_column = np.broadcast_to(angles[1][None], (*grid, channels // 2))
    turns = np.concatenate([by_row, by_column], axis=-1).reshape(-1, channels)
    return Rotation(cosine=jnp.asarray(np.cos(turns)), sine=jnp.asarray(np.sin(turns)))


def rotate_cells(
    x: Float[Array, "b l h d"], turn: Rotation, prefix: int
) -> Float[Array, "b l h d"]:
    """Turns each pair of neighbouring channels (2i, 2i+1) of the cells by its angle.

    Args:
        x: Queries or keys.
        turn: From `rotation`, one row per cell.
        prefix: Tokens in front that have no place, such as the class token; they stay.

    Returns:
        The turned tokens, in the dtype of `x`; computed in at least float32.

    Raises:
        OperandError: The tokens behind the prefix are not the cells of the grid.
    """
    if x.shape[1] - prefix != turn.cosine.shape[0]:
        raise OperandError(
            f"{x.shape[1]} tokens less {prefix} in front are not {turn.cosine.shape[0]} cells"
        )
    cells = x[:, prefix:].astype(jnp.promote_types(x.dtype, jnp.float32))
    # The pair (a, b) a quarter further is (-b, a). Shifts of the whole axis are three times
    # faster on CPU than taking the pairs apart, in bfloat16.
    even = jnp.arange(x.shape[-1]) % 2 == 0
    quarter = jnp.where(even, -jnp.roll(cells, -1, axis=-1), jnp.roll(cells, 1, axis=-1))
    turned = cells * turn.cosine[None, :, None] + quarter * turn.sine[None, :, None]
    return jnp.concatenate([x[:, :prefix], turned.astype(x.dtype)], axis=1)
