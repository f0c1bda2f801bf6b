"""A map of single vectors applied to chosen cells alone, however many they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ovseg_jax.foundation.errors import OperandError

TILE = 512
"""Cells computed at once: enough for a product at full speed, few enough to waste little."""


def map_chosen(
    function: Callable[..., Array],
    arrays: Sequence[Float[Array, "n h w _c"]],
    chosen: Bool[Array, "n h w"],
    elsewhere: Float[Array, "#n h w d"],
    tile: int = TILE,
) -> Float[Array, "n h w d"]:
    """Computes `function` where cells are chosen and takes `elsewhere` where they are not.

    Chosen cells of all maps are packed into tiles, so the time follows their number, which need not
    be known while compiling; none cost nothing. A tile that is not full takes cells that are not
    chosen, whose results are dropped. Loops of unknown length have no reverse-mode derivative.

    Args:
        function: Takes one row per cell of each array, [t, c], and gives rows [t, d]. It must not
            mix rows.
        arrays: Maps of one size.
        chosen: Which cells to compute.
        elsewhere: The result of all others; its dtype is the result's.
        tile: Cells per call.

    Returns:
        The map of results.

    Raises:
        OperandError: If the tile is below 1.
    """
    if tile < 1:
        raise OperandError(f"tile={tile} cells at once; give 1 or more")
    tile, flags = min(tile, chosen.size), chosen.reshape(-1)
    order = jnp.argsort(~flags, stable=True)  # the chosen first
    rows = [array.reshape(-1, array.shape[-1]) for array in arrays]
    width = elsewhere.shape[-1]

    def compute(index: Array | int, packed: Array) -> Array:
        # The last tile starts early enough to be whole: what it computes again is the same.
        start = jnp.minimum(index * tile, chosen.size - tile)
        cells = lax.dynamic_slice_in_dim(order, start, tile)
        found = function(*(each.at[cells].get(mode="promise_in_bounds") for each in rows))
        return lax.dynamic_update_slice_in_dim(packed, found.astype(packed.dtype), start, 0)

    packed = jnp.zeros((chosen.size, width), elsewhere.dtype)
    packed = lax.fori_loop(0, -(-flags.sum() // tile), compute, packed)
    rank = jnp.maximum(jnp.cumsum(flags) - 1, 0)
    found = packed.at[rank].get(mode="promise_in_bounds").reshape(*chosen.shape, width)
    return jnp.where(chosen[..., None], found, elsewhere)
