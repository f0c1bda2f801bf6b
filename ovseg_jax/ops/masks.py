"""Masks from id maps, and drawing a fixed number of them: all shapes static."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def masks_from_ids(segment_ids: Int[Array, "b H W"], count: int) -> Bool[Array, "b n H W"]:
    """Expands an id map into one mask per id 1 to `count`; id 0 is void."""
    ids = jnp.arange(1, count + 1, dtype=segment_ids.dtype)
    return segment_ids[:, None] == ids[None, :, None, None]


def binarise(
    masks: Float[Array, "*b H W"] | Bool[Array, "*b H W"], probability: float = 0.5
) -> Bool[Array, "*b H W"]:
    """Hard masks: booleans as they are, logits where their sigmoid exceeds `probability`."""
    return masks if masks.dtype == jnp.bool_ else jax.nn.sigmoid(masks) > probability


def sample_slots(
    rng: Array, present: Bool[Array, "b n"], count: int
) -> tuple[Int[Array, "b p"], Bool[Array, "b p"]]:
    """Draws up to `count` present slots of each row, uniformly and without repetition.

    When all present slots fit they are all taken, in their own order; otherwise a random
    subset. Unused results are marked invalid.

    Returns:
        Slot indices and their validity, both of width `count`.
    """
    noise = jax.random.uniform(rng, present.shape)
    crowded = present.sum(-1, keepdims=True) > count
    order = jnp.where(crowded, noise, jnp.linspace(0.0, 1.0, present.shape[-1])[None])
    slots = jnp.argsort(jnp.where(present, order, 2.0), axis=-1)[:, :count]
    valid = jnp.take_along_axis(present, slots, axis=-1)
    missing = count - slots.shape[-1]
    padding = ((0, 0), (0, max(missing, 0)))
    return jnp.pad(slots, padding), jnp.pad(valid, padding)
