"""Unit vectors with a derivative everywhere, and the logit of what is not there."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

ABSENT = -1e4
"""Logit of what is not there, where -inf would become NaN (in a resize, in a derivative)."""


def unit(vectors: Float[Array, "*r d"], eps: float = 1e-12) -> Float[Array, "*r d"]:
    """Scales the last axis to length one, as `torch.nn.functional.normalize` does.

    The zero vector stays zero. Its derivative is finite too, where that of `jnp.linalg.norm`
    is NaN: one empty mask would spoil the gradient of a whole batch.

    Args:
        vectors: Any vectors. Low precision is normalised in float32.
        eps: Lengths below this count as this.

    Returns:
        Vectors of length one or zero, in the dtype of `vectors`.
    """
    wide = vectors.astype(jnp.promote_types(vectors.dtype, jnp.float32))
    squares = jnp.square(wide).sum(-1, keepdims=True)
    return (wide * lax.rsqrt(jnp.maximum(squares, eps**2))).astype(vectors.dtype)
