"""Masked aggregation: averaging features under masks and under activation maps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ovseg_jax.foundation.errors import OperandError

FORMS = ("softmax", "sigmoid")


def average_under_masks(
    features: Float[Array, "b h w c"],
    masks: Float[Array, "b q h w"] | Bool[Array, "b q h w"],
    eps: float = 1e-8,
) -> Float[Array, "b q c"]:
    """Averages the features under each mask: sum of mask x feature over (sum of mask + eps).

    Matches `MaskPooling` of FC-CLIP, which binarises its masks before the call. An empty mask
    gives zeros.

    Args:
        features: Feature maps.
        masks: One mask per row, of the features' size; fractions weigh pixels.
        eps: Added to the area of the mask, in pixels.

    Returns:
        One vector per mask, in the dtype of `features`.
    """
    weights = masks.astype(features.dtype)
    area = jnp.sum(masks.astype(jnp.float32), axis=(2, 3))[..., None]
    return (_sum_under(weights, features) / (area + eps)).astype(features.dtype)


def average_under_maps(
    features: Float[Array, "b h w c"],
    maps: Float[Array, "b q m h w"],
    *,
    form: str = "sigmoid",
) -> Float[Array, "b q m c"]:
    """Averages the features under each activation map, normalised to sum to one.

    The weight of a pixel is sigmoid(map) / sum of sigmoid(map) over the map, so a small object
    weighs as much as a large one. Matches the pooling of Mask-Adapter, which writes it as a
    softmax over log-sigmoids.

    Args:
        features: Feature maps.
        maps: Activation logits of every mask, of the features' size.
        form: "softmax" (softmax of log-sigmoids, the plain reference) or "sigmoid" (the same with
            one exponential per pixel).

    Returns:
        One vector per map, in the dtype of `features`.

    Raises:
        OperandError: If the form is unknown.
    """
    if form not in FORMS:
        raise OperandError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    flat = maps.astype(jnp.float32).reshape(*maps.shape[:3], -1)  # [b, q, m, hw]
    weigh = _softmax_of_log_sigmoid if form == "softmax" else _normalised_sigmoid
    weights = weigh(flat).reshape(maps.shape).astype(features.dtype)
    return _sum_under(weights, features).astype(features.dtype)


def _softmax_of_log_sigmoid(maps: Array) -> Array:
    return jax.nn.softmax(jax.nn.log_sigmoid(maps), axis=-1)


def _normalised_sigmoid(maps: Array) -> Array:
    """Sigmoid over sum of sigmoids, also where every sigmoid of a map underflows.

    With s = max(0, -largest logit) and u = exp(s - |a|), sigmoid(a) is a common factor exp(-s)
    times u / (1 + u exp(-s)) for a < 0; the common factor cancels and the largest u is 1. Where
    some logit is positive, s is 0 and this is the usual stable sigmoid.
    """
    positive = maps >= 0
    shift = lax.stop_gradient(jnp.maximum(-jnp.max(maps, axis=-1, keepdims=True), 0))
    # not abs: its derivative at zero is zero, that of this is the sigmoid's.
    decay = jnp.exp(shift + jnp.where(positive, -maps, maps))
    weights = jnp.where(positive, 1, decay) / (1 + decay * jnp.exp(-shift))
    return weights / jnp.sum(weights, axis=-1, keepdims=True)


def _sum_under(weights: Array, features: Array) -> Array:
    """Sums features under weights [b, ..., h, w] as one product per image, in float32."""
    batch, height, width, channels = features.shape
    left = weights.reshape(batch, -1, height * width)
    right = features.reshape(batch, height * width, channels)
    sums = jnp.einsum("brp,bpc->brc", left, right, preferred_element_type=jnp.float32)
    return sums.reshape(*weights.shape[:-2], channels)
