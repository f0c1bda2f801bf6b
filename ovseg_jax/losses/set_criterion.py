"""The training loss of query-based mask generators: match, then compare classes and masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.foundation.typing import UNNAMED, Proposals, Struct, needed, struct
from ovseg_jax.losses import masks as mask_losses
from ovseg_jax.ops.batch_parts import drawn, over_batch
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks.of_ids import NO_ID, masks_of_ids
from ovseg_jax.ops.masks.points import sample_points, sample_segments, uncertain_points
from ovseg_jax.ops.matching.assignment import assign
from ovseg_jax.ops.sizes import mask_size

Metrics = dict[str, Array]


@struct
class TrueSegments(Struct):
    """Ground truth of a batch as the criterion reads it.

    Attributes:
        segment_ids: Id of every pixel.
        ids: Wanted ids per image; `ops.masks.NO_ID` in unused slots.
        labels: Class of each slot, `UNNAMED` where it has none; -1 in unused ones.
    """

    segment_ids: Int[Array, "b H W"]
    ids: Int[Array, "b n"]
    labels: Int[Array, "b n"]

    @property
    def used(self) -> Bool[Array, "b n"]:
        """Which slots hold a segment."""
        return self.ids != NO_ID

    @property
    def named(self) -> Bool[Array, "b n"]:
        """Which slots hold a segment with a name; of the others it is only known where they are."""
        return self.labels >= 0


@dataclasses.dataclass(frozen=True)
class SetCriterion:
    """Hungarian matching of queries and truth, layer by layer, and the losses of the pairs.

    Matches `SetCriterion` and `HungarianMatcher` of Mask2Former, and with `num_points=0` those of
    MaskFormer and OVSeg: matching at the masks' own resolution with the truth by nearest pixels,
    losses at the truth's resolution with the masks resized.

    The fields are those of `ovseg_jax.config.methods.shared.SetLossConfig`, which has their
    meanings and defaults.
    """

    class_weight: float
    mask_weight: float
    dice_weight: float
    num_points: int
    no_object_weight: float
    mask_loss: Literal["bce", "focal"]
    oversample: float
    importance: float

    def __call__(
        self, layers: Sequence[Proposals], truth: TrueSegments, rng: Array
    ) -> tuple[Float[Array, ""], Metrics]:
        """Adds up the losses of all layers.

        Args:
            layers: Answers of the decoder's layers with `class_logits`, the final ones last; the
                last column is "no object", columns of -inf are empty class slots.
            truth: What they are compared with.
            rng: Key for the points.

        Returns:
            The loss, and the final layer's parts by name.
        """
        total, parts = jnp.zeros(()), {}
        for layer, key in zip(layers, jax.random.split(rng, len(layers)), strict=True):
            match_key, loss_key = jax.random.split(key)
            queries = self.match(layer, truth, match_key)
            parts = self.losses(layer, truth, queries, loss_key)
            total = total + sum(parts.values())
        return total, parts

    def match(self, layer: Proposals, truth: TrueSegments, rng: Array) -> Int[Array, "b n"]:
        """Finds the query of each ground-truth slot, -1 for unused slots; without gradient."""
        layer = jax.lax.stop_gradient(layer)
        logits, true = self._match_samples(layer, truth, rng)
        probabilities = jax.nn.softmax(_class_logits(layer), axis=-1)
        columns = jnp.maximum(truth.labels, 0)[:, None]
        own = jnp.take_along_axis(probabilities, columns, axis=2)
        something = 1 - probabilities[..., -1:]
        costs = -self.class_weight * jnp.where(truth.named[:, None], own, something)
        focal = self.mask_loss == "focal"
        pairwise = mask_losses.pairwise_focal if focal else mask_losses.pairwise_cross_entropy
        costs = costs + self.mask_weight * pairwise(logits, true)
        costs = costs + self.dice_weight * mask_losses.pairwise_dice(logits, true)
        return assign(costs, truth.used)

    def losses(
        self, layer: Proposals, truth: TrueSegments, queries: Int[Array, "b n"], rng: Array
    ) -> Metrics:
        """Weighted losses of one layer under a given matching.

        Args:
            layer: Answers with `class_logits`.
            truth: What they are compared with.
            queries: Query of each ground-truth slot; -1 for unused slots.
            rng: Key for the points.
        """
        matched = queries >= 0
        own = jnp.maximum(queries, 0)[..., None, None]
        masks = jnp.take_along_axis(layer.masks.astype(jnp.float32), own, axis=1)
        logits, true = self._loss_samples(masks, truth, rng)
        # Of the truth: matches are as many, but to count those of a part it would be matched twice.
        count = jnp.maximum(over_batch(truth.used.sum()), 1)

        def mean(values: Float[Array, "b n"]) -> Float[Array, ""]:
            return jnp.where(matched, values, 0.0).sum() / count

        entropy = mask_losses.binary_cross_entropy
        per_sample = mask_losses.focal_loss if self.mask_loss == "focal" else entropy
        return {
            "class_loss": self.class_weight * self._class_loss(layer, truth, queries),
            "mask_loss": self.mask_weight * mean(per_sample(logits, true)),
            "dice_loss": self.dice_weight * mean(mask_losses.dice_loss(logits, true)),
        }

    def _class_loss(
        self, layer: Proposals, truth: TrueSegments, queries: Int[Array, "b n"]
    ) -> Float[Array, ""]:
        """Weighted mean cross-entropy; queries without a match belong to the last column.

        What is matched with a segment without a name belongs to all columns but the last: it may
        be called anything, but it is something. Were its class left out of the loss, queries would
        call what they find there "no object", since it looks like none of the names.
        """
        logits = _class_logits(layer).astype(jnp.float32)
        batch, slots, columns = logits.shape
        target = jnp.full((batch, slots), columns - 1)
        place = jnp.where(queries >= 0, queries, slots)  # past the end: dropped
        rows = jnp.arange(batch)[:, None]
        target = target.at[rows, place].set(truth.labels, mode="drop")
        hit = jnp.arange(columns) == target[..., None]
        log_probabilities = jax.nn.log_softmax(logits, axis=-1)
        own = jnp.where(hit, log_probabilities, 0.0).sum(-1)
        something = jax.nn.logsumexp(log_probabilities[..., :-1], axis=-1)
        own = jnp.where(target == UNNAMED, something, own)
        weight = jnp.where(target == columns - 1, self.no_object_weight, 1.0)
        total = over_batch(self._total_weight(truth, slots))
        return -(weight * own).sum() / jnp.maximum(total, 1e-6)  # no pair, no weight

    def _total_weight(self, truth: TrueSegments, queries: int) -> Float[Array, ""]:
        """Returns the sum of the queries' weights: every truth has one of them."""
        matched = truth.used.sum()
        unmatched = truth.labels.shape[0] * queries - matched
        return matched + self.no_object_weight * unmatched

    def _match_samples(
        self, layer: Proposals, truth: TrueSegments, rng: Array
    ) -> tuple[Float[Array, "b q p"], Float[Array, "b n p"]]:
        """Masks and truth at the same samples, shared by all masks of an image."""
        masks = layer.masks.astype(jnp.float32)
        batch, count = masks.shape[:2]
        if not self.num_points:
            true = masks_of_ids(_nearest(truth.segment_ids, mask_size(masks)), truth.ids)
            return masks.reshape(batch, count, -1), _flat(true)
        points = drawn(lambda b: jax.random.uniform(rng, (b, 1, self.num_points, 2)), batch)
        logits = sample_points(masks, jnp.broadcast_to(points, (batch, count, *points.shape[2:])))
        shape = (batch, truth.ids.shape[1], *points.shape[2:])
        return logits, sample_segments(
            truth.segment_ids, truth.ids, jnp.broadcast_to(points, shape)
        )

    def _loss_samples(
        self, masks: Float[Array, "b n h w"], truth: TrueSegments, rng: Array
    ) -> tuple[Float[Array, "b n p"], Float[Array, "b n p"]]:
        """Matched masks and their truth at the same samples, each mask at its own."""
        if not self.num_points:
            true = masks_of_ids(truth.segment_ids, truth.ids)
            resized = resize_masks(masks, mask_size(true))
            return resized.reshape(*masks.shape[:2], -1), _flat(true)
        points = uncertain_points(
            rng, jax.lax.stop_gradient(masks), self.num_points, self.oversample, self.importance
        )
        return sample_points(masks, points), sample_segments(truth.segment_ids, truth.ids, points)


def _class_logits(layer: Proposals) -> Float[Array, "b q k1"]:
    return needed(layer.class_logits, "Proposals.class_logits")


def _flat(masks: Array) -> Float[Array, "b n p"]:
    return masks.reshape(*masks.shape[:2], -1).astype(jnp.float32)


def _nearest(ids: Int[Array, "b H W"], size: tuple[int, int]) -> Int[Array, "b h w"]:
    """Every so many pixels, as torch's nearest interpolation picks them."""
    rows = jnp.arange(size[0]) * ids.shape[1] // size[0]
    columns = jnp.arange(size[1]) * ids.shape[2] // size[1]
    return ids[:, rows][:, :, columns]
