"""Position embeddings for another grid than the one that a tower was trained on.

Every code base has its own way, and the results differ by more than rounding; so the way is part
of a model.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.ops.images.resize import resize

WAYS: dict[str, dict] = {
    "bicubic_antialias": {"method": "bicubic", "antialias": True},
    "bicubic_aligned": {"method": "bicubic", "align_corners": True},
    "bicubic": {"method": "bicubic"},
    "bilinear": {"method": "bilinear"},
    "bilinear_aligned": {"method": "bilinear", "align_corners": True},
}
"""open_clip and timm; MaskCLIP++; transformers; FC-CLIP's ResNet and FISA; big_vision (whose
`scipy.ndimage.zoom` of order 1 lets corners coincide)."""


def resample_positions(
    table: Float[Array, "n c"], old: tuple[int, int], new: tuple[int, int], way: str
) -> Float[Array, "m c"]:
    """Resamples one vector per cell to another grid; nothing happens where the grids agree.

    Args:
        table: Vectors of the old grid, row by row, without those of other tokens.
        old: Rows and columns of the old grid.
        new: Rows and columns of the new one.
        way: A key of `WAYS`.

    Returns:
        Vectors of the new grid, row by row, in the dtype of `table`.

    Raises:
        OperandError: The way is unknown, or the table is not of the old grid.
    """
    if way not in WAYS:
        raise OperandError(f"position resize {way!r} is unknown; choose one of {', '.join(WAYS)}")
    if table.shape[0] != old[0] * old[1]:
        raise OperandError(f"{table.shape[0]} position embeddings are not a grid of {old}")
    if old == new:
        return table
    grid = jnp.asarray(table).reshape(1, *old, -1)
    return resize(grid, new, **WAYS[way]).reshape(new[0] * new[1], -1)
