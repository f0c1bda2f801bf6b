"""Perfect names for imperfect masks: what a better classifier could still gain.

Three papers ask this of their baseline. MaskCLIP++ (Figure 1) pairs masks and truth one to one,
OVSeg (section 4.3) gives every mask the class of what it overlaps most, FISA (Figure 2) does not
say. The other question, perfect masks, is an evaluation on masks of kind "ground_truth".
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.foundation.typing import Batch, Proposals
from ovseg_jax.methods.mixed_masks import pairwise_ious, truth_at
from ovseg_jax.ops.matching.assignment import assign
from ovseg_jax.ops.sizes import mask_size

Rule = Literal["matched", "nearest"]


@dataclasses.dataclass(frozen=True)
class NamesOfTruth:
    """Perfect names by a rule, in the place of an ensemble."""

    rule: Rule

    def describe(self, seen: int, unseen: int) -> str:
        """Says that no classifier counted."""
        return f"none: names of the truth, {self.rule}"


def true_log_probs(
    batch: Batch, proposals: Proposals, slots: int, rule: Rule
) -> Float[Array, "b q k1"]:
    """Names masks by the truth, in the place of a method's log probabilities.

    Args:
        batch: Images with `segment_ids` and `labels`.
        proposals: Masks in the frame of these images.
        slots: Class slots of the vocabulary.
        rule: As for `true_labels`.

    Returns:
        Zero for the class of each mask and -inf elsewhere; void, last, where it has none.
    """
    labels = true_labels(batch, proposals, rule)
    named = jax.nn.one_hot(jnp.where(labels < 0, slots, labels), slots + 1, dtype=bool)
    return jnp.where(named, 0.0, -jnp.inf)


def true_labels(batch: Batch, proposals: Proposals, rule: Rule) -> Int[Array, "b q"]:
    """Returns the true class of each mask; -1 where it has none.

    Args:
        batch: Images with `segment_ids` and `labels`.
        proposals: Masks in the frame of these images.
        rule: "matched" pairs masks and truth one to one so that the sum of their IoUs is largest,
            "nearest" gives each mask the class of the true mask with the largest IoU. Where the
            IoU is zero there is no class.
    """
    truth = truth_at(batch, mask_size(proposals.masks))
    real = proposals.valid[:, :, None] & (truth.labels >= 0)[:, None]
    ious = jnp.where(real, pairwise_ious(proposals, truth, 0.5), 0.0)
    if rule == "matched":
        ious = jnp.where(_paired(ious, truth.labels >= 0), ious, 0.0)
    labels = jnp.take_along_axis(truth.labels, ious.argmax(-1), axis=1)
    return jnp.where(ious.max(-1) > 0, labels, -1)


def _paired(ious: Float[Array, "b q n"], wanted: Bool[Array, "b n"]) -> Bool[Array, "b q n"]:
    """Whether a mask and a true mask belong together; there may be fewer masks than true ones."""
    count, most = ious.shape[1:]
    costs = jnp.pad(-ious, ((0, 0), (0, max(most - count, 0)), (0, 0)))
    return assign(costs, wanted)[:, None] == jnp.arange(count)[:, None]
