"""The classification loss of MaskCLIP++: every class of every image weighs the same."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from ovseg_jax.ops.batch_parts import over_batch

ClassLoss = Literal["ce", "bce"]


def reweighted_loss(
    logits: Float[Array, "b q k1"],
    labels: Int[Array, "b q"],
    *,
    kind: ClassLoss = "ce",
    reweight: bool = True,
    temperature: float = 1.0,
) -> Float[Array, ""]:
    """Sums the losses of all labelled masks, each weighed by its image and its class.

    Matches `ReweightCELoss` of HVision-NKU/MaskCLIPpp (docs/reference 2.6) and the variants of the
    paper's Table 14.

    Args:
        logits: Columns of -inf (empty class slots, no void) take no part.
        labels: Class of each mask; -1 where there is none.
        kind: Softmax cross-entropy, or sigmoid per class, averaged over the classes.
        reweight: Whether the classes of an image weigh the same, or its masks; see `mask_weights`.
        temperature: Divides the logits.

    Returns:
        The loss; 0 when nothing is labelled.
    """
    labelled = labels >= 0
    safe = jnp.where(labelled[..., None], logits, 0.0).astype(jnp.float32) / temperature
    own = (jnp.arange(logits.shape[-1]) == labels[..., None]) & labelled[..., None]
    loss = _sigmoid(safe, own) if kind == "bce" else _softmax(safe, own)
    weights = mask_weights(labels, by_class=reweight)
    return (weights * jnp.where(labelled, loss, 0.0)).sum()


def mask_weights(labels: Int[Array, "b q"], *, by_class: bool = True) -> Float[Array, "b q"]:
    """Returns 1 / (images with masks x classes in the image x masks of the class in the image).

    The weights of all labelled masks (label >= 0) of a batch add up to one; others have none.

    Args:
        labels: Class of each mask; -1 where there is none.
        by_class: Otherwise every mask of an image weighs the same.
    """
    labelled = labels >= 0
    same = (labels[:, :, None] == labels[:, None]) & labelled[:, None] & labelled[..., None]
    of_class = jnp.maximum(same.sum(-1), 1) if by_class else jnp.ones(labels.shape)
    parts = (labelled / of_class).sum(-1, keepdims=True)  # each class, or mask, adds up to one
    images = jnp.maximum(over_batch(labelled.any(-1).sum()), 1)
    return labelled / (images * jnp.maximum(parts, 1) * of_class)


def _softmax(logits: Array, own: Array) -> Array:
    return -jnp.where(own, jax.nn.log_softmax(logits, axis=-1), 0.0).sum(-1)


def _sigmoid(logits: Array, own: Array) -> Array:
    present = jnp.isfinite(logits)
    each = optax.sigmoid_binary_cross_entropy(jnp.where(present, logits, 0.0), own)
    return jnp.where(present, each, 0.0).sum(-1) / jnp.maximum(present.sum(-1), 1)
