"""Pairing predicted masks with ground truth by IoU, with static shapes throughout."""

from __future__ import annotations

import math
from typing import no_type_check

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.foundation.typing import Struct, struct
from ovseg_jax.ops.matching.assignment import assign

RULES = ("one_per_truth", "every_pair", "hungarian")


@no_type_check  # JAX rebuilds it with leaves that are not arrays
@struct
class Matches(Struct):
    """Pairs of a predicted and a true mask, padded to a fixed number.

    Attributes:
        prediction: Row of the predicted mask; 0 in padding.
        truth: Column of the ground-truth mask; 0 in padding.
        valid: False in padding, which comes last.
    """

    prediction: Int[Array, "*b p"]
    truth: Int[Array, "*b p"]
    valid: Bool[Array, "*b p"]


def binarise_logits(
    logits: Float[Array, "*b H W"], probability: float = 0.5
) -> Bool[Array, "*b H W"]:
    """Marks the pixels with sigmoid(logit) >= probability, without computing the sigmoid.

    Mask-Adapter's matcher uses 0.4 on FC-CLIP's predictions and 0.5 on those of MAFT+. A logit
    within rounding (about 1e-7) of the threshold may fall on the other side than there.

    Args:
        logits: Mask logits.
        probability: Threshold strictly between 0 and 1.

    Returns:
        True inside the mask.

    Raises:
        OperandError: If the probability is not strictly between 0 and 1.
    """
    if not 0 < probability < 1:
        raise OperandError(f"probability={probability} must lie strictly between 0 and 1")
    return logits >= math.log(probability / (1 - probability))


def match_by_iou(  # noqa: PLR0913  (two arrays, two validities, a key, three numbers of the rule)
    ious: Float[Array, "q n"],
    *,
    gt_valid: Bool[Array, " n"],
    pred_valid: Bool[Array, " q"],
    rng: Key[Array, ""] | UInt32[Array, "2"],
    threshold: float = 0.7,
    capacity: int = 8,
    rule: str = "one_per_truth",
) -> Matches:
    """Chooses up to `capacity` pairs whose IoU passes the threshold.

    Three rules:

    * "one_per_truth", what Mask-Adapter's code does: every true mask with some prediction of
      IoU > threshold gets one such prediction, drawn uniformly.
    * "every_pair", what its paper says: every pair with IoU >= threshold.
    * "hungarian": one prediction per true mask and the other way round, with the largest sum of
      IoUs; of these pairs, those with IoU >= threshold.

    Of more pairs than `capacity` a uniformly random subset is kept. Kept pairs are in ascending
    order of the true mask, then of the prediction. For a batch, use `jax.vmap` over IoUs,
    validity and one key per image.

    Args:
        ious: IoU of every prediction with every true mask.
        gt_valid: False for padded ground truth.
        pred_valid: False for predictions that must not be used.
        rng: Key for the random choices.
        threshold: Least IoU.
        capacity: Length of the result.
        rule: One of `RULES`.

    Returns:
        The pairs, padded at the end.

    Raises:
        OperandError: If the rule is unknown or the capacity is below 1.
    """
    if rule not in RULES:
        raise OperandError(f"rule={rule!r} is unknown; choose one of {', '.join(RULES)}")
    if capacity < 1:
        raise OperandError(f"capacity={capacity} must be at least 1")
    passes = ious > threshold if rule == "one_per_truth" else ious >= threshold
    passes = passes & pred_valid[:, None] & gt_valid[None, :]
    pick_key, cap_key = jax.random.split(rng)
    if rule == "one_per_truth":
        passes = _keep_one_per_column(passes, pick_key)
    if rule == "hungarian":
        passes = passes & _one_to_one(ious, gt_valid, pred_valid)
    return keep_at_most(passes, capacity, cap_key)


def _keep_one_per_column(passes: Array, key: Array) -> Array:
    """Keeps one true entry of every column that has any, drawn uniformly."""
    scores = jnp.where(passes, jax.random.uniform(key, passes.shape), -1)
    winner = jnp.argmax(scores, axis=0)
    return passes & (jnp.arange(len(passes))[:, None] == winner[None])


def _one_to_one(ious: Array, gt_valid: Array, pred_valid: Array) -> Array:
    """Marks the pairs of the assignment with the largest sum of IoUs."""
    costs = jnp.where(pred_valid[:, None], -ious, 0.0)
    spare = jnp.zeros((ious.shape[1], ious.shape[1]))  # there may be fewer predictions than truths
    rows = assign(jnp.concatenate([costs, spare])[None], gt_valid[None])[0]
    return jnp.arange(len(ious))[:, None] == rows


def keep_at_most(
    passes: Bool[Array, "q n"], capacity: int, key: Key[Array, ""] | UInt32[Array, "2"]
) -> Matches:
    """Lists the true entries, truth-major; a uniformly random `capacity` of them if more."""
    predictions = passes.shape[0]
    flat = passes.T.reshape(-1)
    slots = min(capacity, flat.size)
    # A drawn number below 1 for what passes, 2 for what does not: the smallest are kept.
    draws = jnp.where(flat, jax.random.uniform(key, flat.shape), 2)
    _, chosen = lax.top_k(-draws, slots)
    chosen = jnp.sort(jnp.where(flat[chosen], chosen, flat.size))
    chosen = jnp.pad(chosen, (0, capacity - slots), constant_values=flat.size)
    valid = chosen < flat.size
    return Matches(
        prediction=jnp.where(valid, chosen % predictions, 0),
        truth=jnp.where(valid, chosen // predictions, 0),
        valid=valid,
    )
