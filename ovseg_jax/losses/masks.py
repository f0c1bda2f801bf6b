"""Losses between predicted and true masks, per mask and for every pair of masks.

All work on flat samples of a mask: points, or all pixels. The pairwise forms are matrix products,
so that no array of queries x truths x samples exists.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 2.0


def binary_cross_entropy(
    logits: Float[Array, "*b p"], truth: Float[Array, "*b p"]
) -> Float[Array, "*b"]:
    """Mean over the samples of each mask (`sigmoid_ce_loss` of Mask2Former)."""
    return (jax.nn.softplus(logits) - logits * truth).mean(-1)


def focal_loss(logits: Float[Array, "*b p"], truth: Float[Array, "*b p"]) -> Float[Array, "*b"]:
    """Mean over samples, sure ones counting little (`sigmoid_focal_loss` of MaskFormer)."""
    probability = jax.nn.sigmoid(logits)
    right = probability * truth + (1 - probability) * (1 - truth)
    weight = FOCAL_ALPHA * truth + (1 - FOCAL_ALPHA) * (1 - truth)
    entropy = jax.nn.softplus(logits) - logits * truth
    return (weight * (1 - right) ** FOCAL_GAMMA * entropy).mean(-1)


def dice_loss(logits: Float[Array, "*b p"], truth: Float[Array, "*b p"]) -> Float[Array, "*b"]:
    """One minus the overlap of each mask, with one added above and below the line."""
    probability = jax.nn.sigmoid(logits)
    overlap = 2 * (probability * truth).sum(-1)
    return 1 - (overlap + 1) / (probability.sum(-1) + truth.sum(-1) + 1)


def pairwise_cross_entropy(
    logits: Float[Array, "*b q p"], truth: Float[Array, "*b n p"]
) -> Float[Array, "*b q n"]:
    """`binary_cross_entropy` of every pair."""
    products = _products(logits, truth)
    return jax.nn.softplus(logits).mean(-1)[..., None] - products / logits.shape[-1]


def pairwise_focal(
    logits: Float[Array, "*b q p"], truth: Float[Array, "*b n p"]
) -> Float[Array, "*b q n"]:
    """`focal_loss` of every pair."""
    probability = jax.nn.sigmoid(logits)
    inside = FOCAL_ALPHA * (1 - probability) ** FOCAL_GAMMA * jax.nn.softplus(-logits)
    outside = (1 - FOCAL_ALPHA) * probability**FOCAL_GAMMA * jax.nn.softplus(logits)
    sums = _products(inside, truth) + _products(outside, 1 - truth)
    return sums / logits.shape[-1]


def pairwise_dice(
    logits: Float[Array, "*b q p"], truth: Float[Array, "*b n p"]
) -> Float[Array, "*b q n"]:
    """`dice_loss` of every pair."""
    probability = jax.nn.sigmoid(logits)
    total = probability.sum(-1)[..., None] + truth.sum(-1)[..., None, :]
    return 1 - (2 * _products(probability, truth) + 1) / (total + 1)


def _products(x: Float[Array, "*b q p"], y: Float[Array, "*b n p"]) -> Float[Array, "*b q n"]:
    return jnp.einsum("...qp,...np->...qn", x, y)
