"""Losses of mask classification: cross-entropy over labelled masks, cosine consistency."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def masked_cross_entropy(
    logits: Float[Array, "*b k1"], labels: Int[Array, "*b"]
) -> Float[Array, ""]:
    """Mean cross-entropy over the entries whose label is not negative; 0 when there are none.

    Matches `F.cross_entropy(..., ignore_index=-1)` in the Mask-Adapter training code, which
    multiplies the logits by zero where every label is ignored. Columns of -inf (empty class
    slots) take no part.
    """
    labelled = labels >= 0
    log_probabilities = jax.nn.log_softmax(logits, axis=-1)
    picked = jnp.take_along_axis(log_probabilities, jnp.maximum(labels, 0)[..., None], axis=-1)
    total = -jnp.where(labelled, picked[..., 0], 0.0).sum()
    return total / jnp.maximum(labelled.sum(), 1)


def cosine_consistency(
    embeddings: Float[Array, "*b d"], targets: Float[Array, "*b d"]
) -> Float[Array, ""]:
    """One minus the mean cosine between pairs (Mask-Adapter, equation 7).

    Padded pairs count in the mean, as in the reference code: hand in equal vectors for them and
    they add nothing while the divisor stays.
    """
    norms = jnp.linalg.norm(embeddings, axis=-1) * jnp.linalg.norm(targets, axis=-1)
    cosine = (embeddings * targets).sum(-1) / jnp.maximum(norms, 1e-8)
    return 1.0 - cosine.mean()
