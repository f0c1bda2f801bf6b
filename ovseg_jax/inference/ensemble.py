"""Final class probabilities of each mask: the geometric ensemble of FC-CLIP, and plain softmax.

Both return log probabilities whose last column is void ("none of these"). Empty class slots are
-inf, so they are absent from every sum that follows.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

PROBABILITY_FLOOR = 1e-8
"""Added before the last logarithm, as the reference does: certain zeros stay finite."""


def geometric_ensemble(
    class_logits: Float[Array, "b q k1"],
    method_logits: Float[Array, "b q k1"],
    seen: Bool[Array, " k"],
    valid: Bool[Array, " k"],
    alpha: float,
    beta: float,
) -> Float[Array, "b q k1"]:
    """Mixes the generator's opinion of each class with CLIP's, as a geometric mean.

    Follows FC-CLIP (arXiv 2308.02487, eq. 8) and its code, evaluated in log space: a class that
    either side gives probability zero has a very low score, not NaN.

    Args:
        class_logits: The generator's logits for the same classes, last column "no object".
        method_logits: The method's logits; its void column is not used.
        seen: Class slots that share a name with the training vocabulary.
        valid: Class slots that hold a class.
        alpha: The method's exponent for seen classes, 0 to 1.
        beta: The method's exponent for all others, 0 to 1.

    Returns:
        Log probabilities with void last; -inf in empty class slots. "No object" is the
        generator's probability of it.
    """
    inside = jax.nn.log_softmax(_only(class_logits[..., :-1], valid), axis=-1)
    outside = jax.nn.log_softmax(_only(method_logits[..., :-1], valid), axis=-1)
    weight = jnp.where(seen, alpha, beta)
    # Zero times -inf would be NaN: empty slots are computed on zeros and removed afterwards.
    inside, outside = jnp.where(valid, inside, 0.0), jnp.where(valid, outside, 0.0)
    mixed = _only((1.0 - weight) * inside + weight * outside, valid)
    void = jax.nn.softmax(_with_void(class_logits, valid), axis=-1)[..., -1:]
    joined = jnp.concatenate([jax.nn.softmax(mixed, axis=-1) * (1.0 - void), void], axis=-1)
    return _with_void(jnp.log(joined + PROBABILITY_FLOOR), valid)


def log_probabilities(
    method_logits: Float[Array, "b q k1"], valid: Bool[Array, " k"]
) -> Float[Array, "b q k1"]:
    """Normalises the method's own logits, void included: for masks that come without a classifier.

    Args:
        method_logits: Logits with void last; a void column of -inf has probability zero.
        valid: Class slots that hold a class.

    Returns:
        Log probabilities; -inf in empty class slots.
    """
    return jax.nn.log_softmax(_with_void(method_logits, valid), axis=-1)


def class_probabilities(log_probs: Float[Array, "*b k1"]) -> Float[Array, "*b k"]:
    """Softmax over classes and void, then without void: what all three tasks start from."""
    return jax.nn.softmax(log_probs, axis=-1)[..., :-1]


def _only(logits: Float[Array, "b q k"], valid: Bool[Array, " k"]) -> Float[Array, "b q k"]:
    return jnp.where(valid, logits, -jnp.inf)


def _with_void(logits: Float[Array, "b q k1"], valid: Bool[Array, " k"]) -> Float[Array, "b q k1"]:
    return jnp.concatenate([_only(logits[..., :-1], valid), logits[..., -1:]], axis=-1)
