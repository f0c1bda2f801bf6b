"""Formulas for class probabilities of masks: FC-CLIP's geometric mean, OVSeg's products, softmax.

Which of them is used is the business of `ovseg_jax.inference.ensemble`. All return log
probabilities whose last column is void ("none of these"). Empty class slots are -inf, so they are
absent from every sum that follows.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.config import EnsembleConfig

PROBABILITY_FLOOR = 1e-8
"""Added before the last logarithm, as the reference does: certain zeros stay finite."""


def geometric_ensemble(  # noqa: PLR0913 - two opinions, the words, and their weights
    class_logits: Float[Array, "b q k1"],
    method_logits: Float[Array, "b q k1"],
    seen: Bool[Array, " k"],
    valid: Bool[Array, " k"],
    alpha: float,
    beta: float,
    present: Bool[Array, "b q"] | None = None,
    floor: float = 0.0,
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
        present: Masks of which the method knows something; for others its exponent is zero.
        floor: Added to the mixed probabilities before their logarithm (MaskCLIP++: 1e-8).

    Returns:
        Log probabilities with void last; -inf in empty class slots. "No object" is the
        generator's probability of it.
    """
    inside = jax.nn.log_softmax(_only(class_logits[..., :-1], valid), axis=-1)
    outside = jax.nn.log_softmax(_only(method_logits[..., :-1], valid), axis=-1)
    weight = jnp.where(seen, alpha, beta)
    if present is not None:
        weight = weight * present[..., None]
    # Zero times -inf would be NaN: empty slots are computed on zeros and removed afterwards.
    inside, outside = jnp.where(valid, inside, 0.0), jnp.where(valid, outside, 0.0)
    mixed = (1.0 - weight) * inside + weight * outside
    mixed = _only(jnp.log(jnp.exp(mixed) + floor) if floor else mixed, valid)
    void = jax.nn.softmax(_with_void(class_logits, valid), axis=-1)[..., -1:]
    return _joined(mixed, void, valid)


def ovseg_probabilities(
    class_logits: Float[Array, "b q k1"],
    method_logits: Float[Array, "b q k1"],
    seen: Bool[Array, " k"],
    valid: Bool[Array, " k"],
    weights: EnsembleConfig,
) -> Float[Array, "b q k"]:
    """Multiplies both opinions as OVSeg does and normalises nothing (docs/reference 3.2).

    Args:
        class_logits: The generator's logits, last column "no object": its share is left out.
        method_logits: The method's logits; zero throughout where it saw nothing of the mask,
            which counts as probability one for every class.
        seen: Class slots that share a name with the training vocabulary.
        valid: Class slots that hold a class.
        weights: CLIP's exponents.

    Returns:
        Probabilities that need not add up to one; zero in empty class slots.
    """
    exponents = jnp.where(seen, weights.alpha, weights.beta)
    inside = jax.nn.softmax(_with_void(class_logits, valid), axis=-1)[..., :-1]
    outside = jax.nn.softmax(_only(method_logits[..., :-1], valid), axis=-1)
    nothing = (jnp.where(valid, method_logits[..., :-1], 0.0) == 0).all(-1, keepdims=True)
    outside = jnp.where(nothing, 1.0, outside)
    return jnp.where(valid, inside ** (1.0 - exponents) * outside**exponents, 0.0)


def with_void_left(probabilities: Float[Array, "b q k"], valid: Array) -> Float[Array, "b q k1"]:
    """Returns log probabilities; void takes what is missing, sums above one are scaled down.

    Only masks of which the method saw nothing can exceed one: by Hoelder's inequality the products
    of two distributions do not.
    """
    total = probabilities.sum(-1, keepdims=True)
    shares = probabilities / jnp.maximum(total, 1.0)
    void = jnp.maximum(1.0 - shares.sum(-1, keepdims=True), 0.0)
    logs = jnp.log(jnp.concatenate([shares, void], axis=-1) + PROBABILITY_FLOOR)
    return _with_void(logs, valid)


def with_void_of(
    class_logits: Float[Array, "b q c1"],
    method_logits: Float[Array, "b q k1"],
    valid: Bool[Array, " k"],
) -> Float[Array, "b q k1"]:
    """Takes classes from the method alone, and from the generator how likely each mask is none.

    MAFT+ answers so (docs/reference 5.7); so does any generator whose own classes are a fixed list,
    since "no object" is all that it can say about other words.

    Args:
        class_logits: The generator's logits for classes of its own, last column "no object".
        method_logits: The method's logits; its void column is not used.
        valid: Class slots that hold a class.
    """
    void = jax.nn.softmax(class_logits, axis=-1)[..., -1:]
    return _joined(_only(method_logits[..., :-1], valid), void, valid)


def carried_logits(
    class_logits: Float[Array, "b q c1"], table: Int[Array, " c"], count: int
) -> Float[Array, "b q k1"]:
    """Carries logits over a fixed list of classes to another list, for closed generators.

    A class of the new list takes the mean of all that map to it, and 0 where none does. The last
    column is set so that "no object" keeps its probability among the old classes. Matches
    `Mask2FormerSegmentor` of HVision-NKU/MaskCLIPpp (docs/reference 2.7).

    Args:
        class_logits: Last column "no object".
        table: New class of each old one; -1 for none (`vocabulary.classes.carry_table`).
        count: Classes of the new list.
    """
    maps = jax.nn.one_hot(table, count)  # -1 gives a row of zeros
    means = class_logits[..., :-1] @ (maps / jnp.maximum(maps.sum(0), 1))
    odds = class_logits[..., -1:] - _total(class_logits[..., :-1])
    return jnp.concatenate([means, odds + _total(means)], axis=-1)


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


def _total(logits: Float[Array, "b q k"]) -> Float[Array, "b q 1"]:
    return jax.nn.logsumexp(logits, axis=-1, keepdims=True)


def _joined(
    logits: Float[Array, "b q k"], void: Float[Array, "b q 1"], valid: Bool[Array, " k"]
) -> Float[Array, "b q k1"]:
    """Classes share what void leaves; the floor keeps certain zeros finite."""
    joined = jnp.concatenate([jax.nn.softmax(logits, axis=-1) * (1.0 - void), void], axis=-1)
    return _with_void(jnp.log(joined + PROBABILITY_FLOOR), valid)


def _only(logits: Float[Array, "b q k"], valid: Bool[Array, " k"]) -> Float[Array, "b q k"]:
    return jnp.where(valid, logits, -jnp.inf)


def _with_void(logits: Float[Array, "b q k1"], valid: Bool[Array, " k"]) -> Float[Array, "b q k1"]:
    return jnp.concatenate([_only(logits[..., :-1], valid), logits[..., -1:]], axis=-1)
