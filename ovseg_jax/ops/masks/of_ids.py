"""Masks from id maps, and drawing a fixed number of them: static shapes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from ovseg_jax.ops.batch_parts import drawn

NO_ID = -1
"""An id that no pixel has: the mask of a padded slot comes out empty."""


def masks_from_ids(segment_ids: Int[Array, "b H W"], count: int) -> Bool[Array, "b n H W"]:
    """Expands an id map into one mask per id 1 to `count`; id 0 is void."""
    ids = jnp.arange(1, count + 1, dtype=segment_ids.dtype)
    return segment_ids[:, None] == ids[None, :, None, None]


def masks_of_ids(
    segment_ids: Int[Array, "b H W"], ids: Int[Array, "b n"]
) -> Bool[Array, "b n H W"]:
    """Expands an id map into the masks of chosen ids; `NO_ID` gives an empty mask."""
    return segment_ids[:, None] == ids[:, :, None, None]


def ids_present(segment_ids: Int[Array, "b H W"], count: int) -> Bool[Array, "b n"]:
    """Tells which of the ids 1 to `count` own at least one pixel."""
    # XLA fuses comparison and reduction: the masks are never written.
    return masks_from_ids(segment_ids, count).any((-2, -1))


def coverage_of_ids(
    segment_ids: Int[Array, "b H W"], ids: Int[Array, "b n"], size: tuple[int, int]
) -> Float[Array, "b n h w"]:
    """Computes the masks of chosen ids at another size, without building them at full size.

    Equal to `resize_masks(masks_of_ids(segment_ids, ids), size)`, that is torch's bilinear
    `F.interpolate`: each result pixel compares the four id pixels around it and adds up their
    weights.

    Args:
        segment_ids: Id of every pixel.
        ids: Wanted ids; `NO_ID` gives an empty mask.
        size: Height and width of the result.

    Returns:
        Coverage from 0 to 1.
    """
    rows = _bilinear_taps(segment_ids.shape[1], size[0])
    columns = _bilinear_taps(segment_ids.shape[2], size[1])
    wanted = ids[:, :, None, None]
    total = jnp.zeros((*ids.shape, *size), jnp.float32)
    for row, row_weight in rows:
        for column, column_weight in columns:
            sampled = segment_ids[:, row][:, :, column][:, None]
            weight = jnp.asarray(np.outer(row_weight, column_weight), jnp.float32)
            total = total + jnp.where(sampled == wanted, weight, 0.0)
    return total


def _bilinear_taps(source: int, target: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns (indices, weights) of the lower and the upper neighbour of every sample."""
    position = np.maximum((np.arange(target) + 0.5) * (source / target) - 0.5, 0)
    lower = np.minimum(np.floor(position).astype(np.int32), source - 1)
    fraction = position - lower
    return [(lower, 1 - fraction), (np.minimum(lower + 1, source - 1), fraction)]


def sample_slots(
    rng: Key[Array, ""] | UInt32[Array, "2"], present: Bool[Array, "b n"], count: int
) -> tuple[Int[Array, "b p"], Bool[Array, "b p"]]:
    """Draws up to `count` present slots of each row, uniformly and without repetition.

    When all present slots fit they are all taken, in their own order; otherwise a random
    subset. Unused results are marked invalid.

    Returns:
        Slot indices and their validity, both of width `count`.
    """
    noise = drawn(lambda b: jax.random.uniform(rng, (b, present.shape[1])), len(present))
    crowded = present.sum(-1, keepdims=True) > count
    order = jnp.where(crowded, noise, jnp.linspace(0.0, 1.0, present.shape[-1])[None])
    slots = jnp.argsort(jnp.where(present, order, 2.0), axis=-1)[:, :count]
    valid = jnp.take_along_axis(present, slots, axis=-1)
    missing = count - slots.shape[-1]
    padding = ((0, 0), (0, max(missing, 0)))
    return jnp.pad(slots, padding), jnp.pad(valid, padding)
