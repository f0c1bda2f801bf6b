"""Losses of mask classification: cross-entropy over labelled masks, cosine consistency."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.ops.batch_parts import mean_over_batch, over_batch
from ovseg_jax.ops.vectors import unit


def masked_cross_entropy(
    logits: Float[Array, "*b k1"], labels: Int[Array, "*b"]
) -> Float[Array, ""]:
    """Mean cross-entropy over the entries whose label is not negative; 0 when there are none.

    Matches `F.cross_entropy(..., ignore_index=-1)` in the Mask-Adapter training code, which
    multiplies the logits by zero where every label is ignored. Columns of -inf (empty class
    slots, a missing void) take no part: they get probability zero and gradient zero.
    """
    labelled = labels >= 0
    columns = jnp.arange(logits.shape[-1])
    # Ignored rows are replaced before the softmax: their gradient is then zero, never 0 * inf.
    safe = jnp.where(labelled[..., None], logits, 0.0).astype(jnp.float32)
    log_probabilities = jax.nn.log_softmax(safe, axis=-1)
    own = (columns == labels[..., None]) & labelled[..., None]
    total = -jnp.where(own, log_probabilities, 0.0).sum()
    return total / jnp.maximum(over_batch(labelled.sum()), 1)


def cosine_consistency(
    embeddings: Float[Array, "*b d"], targets: Float[Array, "*b d"]
) -> Float[Array, ""]:
    """One minus the mean cosine between pairs (Mask-Adapter, equation 7).

    Padded pairs count in the mean, as in the reference code: hand in equal vectors for them and
    they add nothing while the divisor stays.
    """
    return mean_over_batch(1.0 - (unit(embeddings) * unit(targets)).sum(-1))


def contrastive_loss(
    logits: Float[Array, "b b"], same: Bool[Array, "b b"] | None = None
) -> Float[Array, ""]:
    """CLIP's symmetric cross-entropy: image i belongs to text i, and the other way round.

    Args:
        logits: Similarity times temperature of every image (rows) and every text (columns).
        same: Pairs of texts that are equal. Off the diagonal they are neither right nor wrong, so
            they leave the softmax; None treats them as wrong, as CLIP does.
    """
    if same is not None:
        logits = jnp.where(same & ~jnp.eye(len(logits), dtype=bool), -jnp.inf, logits)
    own = jnp.arange(len(logits))
    return (masked_cross_entropy(logits, own) + masked_cross_entropy(logits.T, own)) / 2
