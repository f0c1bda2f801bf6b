"""Masks as biases of attention: what a mask token may look at, and how strongly."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

OUTSIDE = -100.0
"""Logit of a cell outside the mask: not -inf, so an empty mask looks everywhere alike."""


def soft_mask_bias(
    masks: Float[Array, "b q h w"], strength: Float[Array, " heads"]
) -> Float[Array, "b heads q hw"]:
    """Returns what MaskCLIP++ adds to the logits of mask tokens (docs/reference 2.2).

    A cell is inside where the mask exceeds half of its own largest value; there the bias is the
    mask times the strength of the head, elsewhere `OUTSIDE`.

    Args:
        masks: Soft masks at the grid of the attention, 0 to 1.
        strength: Factor of each head, positive.
    """
    flat = masks.reshape(*masks.shape[:2], -1)
    inside = flat > flat.max(-1, keepdims=True) / 2
    return jnp.where(inside[:, None], flat[:, None] * strength[:, None, None], OUTSIDE)
