"""Pairs of a predicted and a true mask for mixed-mask training (Mask-Adapter, section 3.3)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.config.methods.shared import SetLossConfig
from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import Batch, Proposals, Struct, struct
from ovseg_jax.losses.set_criterion import TrueSegments
from ovseg_jax.methods.set_loss import criterion_of
from ovseg_jax.ops.batch_parts import drawn
from ovseg_jax.ops.masks.iou import mask_iou
from ovseg_jax.ops.masks.of_ids import NO_ID, coverage_of_ids, ids_present
from ovseg_jax.ops.masks.resizing import binarise, resize_via
from ovseg_jax.ops.matching.by_iou import Matches, binarise_logits, keep_at_most

Size = tuple[int, int]


@struct
class TrueMasks(Struct):
    """All ground-truth masks of a batch at the resolution of the predictions.

    Attributes:
        coverage: Masks resized bilinearly, 0 to 1; zeros in unused slots.
        labels: Class of each mask; -1 in unused slots.
    """

    coverage: Float[Array, "b n h w"]
    labels: Int[Array, "b n"]


@struct
class Pairs(Struct):
    """Matched masks, padded to a fixed number per image.

    Attributes:
        predicted: Masks of the source as they came; zeros in padding.
        truth: Coverage of the true masks; zeros in padding.
        labels: Class of each pair; -1 in padding.
    """

    predicted: Float[Array, "b p h w"] | Bool[Array, "b p h w"]
    truth: Float[Array, "b p h w"]
    labels: Int[Array, "b p"]


def truth_at(batch: Batch, size: Size) -> TrueMasks:
    """Brings every ground-truth mask that has pixels and a label to a size."""
    truth = _present(batch)
    coverage = coverage_of_ids(truth.segment_ids, truth.ids, size)
    return TrueMasks(coverage=coverage, labels=truth.labels)


def match_by_costs(batch: Batch, proposals: Proposals, capacity: int, rng: Array) -> Matches:
    """Pairs predictions and truth one to one by Mask2Former's costs, whatever their IoU.

    The Hungarian matcher of the paper's Table 5, with Mask2Former's weights and points.
    Of more pairs than `capacity`, a uniformly random subset is kept.

    Args:
        batch: Images with `segment_ids` and `labels`.
        proposals: Masks of a generator that names them by the training vocabulary.
        capacity: Pairs per image.
        rng: Key for points and subsets.

    Raises:
        ModelError: The masks come without classes.
    """
    if proposals.class_logits is None:
        raise ModelError(
            "method.match_rule 'mask2former' compares classes too, and these masks have none: use "
            "masks.kind 'generator', or another rule"
        )
    truth = _present(batch)
    point_key, cap_key = jax.random.split(rng)
    queries = criterion_of(SetLossConfig()).match(proposals, truth, point_key)
    pairs = jnp.arange(proposals.masks.shape[1])[None, :, None] == queries[:, None]
    keys = drawn(lambda b: jax.random.split(cap_key, b), len(pairs))
    return jax.vmap(lambda own, key: keep_at_most(own, capacity, key))(pairs, keys)


def _present(batch: Batch) -> TrueSegments:
    """All slots; their ids and labels are `NO_ID` and -1 where there are no pixels or no label."""
    segment_ids, labels = batch.truth
    count = labels.shape[1]
    present = ids_present(segment_ids, count) & (labels >= 0)
    ids = jnp.where(present, jnp.arange(1, count + 1), NO_ID)
    return TrueSegments(segment_ids=segment_ids, ids=ids, labels=jnp.where(present, labels, -1))


def pairwise_ious(
    proposals: Proposals, truth: TrueMasks, probability: float
) -> Float[Array, "b q n"]:
    """IoU of every predicted with every true mask.

    Predictions are cut at `probability` (inclusive), coverage above one half, as in the IoU
    matcher of hustvl/MaskAdapter.
    """
    hard = proposals.masks
    if hard.dtype != jnp.bool_:
        hard = binarise_logits(hard, probability)
    return jax.vmap(mask_iou)(hard, truth.coverage > 0.5)


def gather_pairs(matches: Matches, proposals: Proposals, truth: TrueMasks) -> Pairs:
    """Collects the matched masks and their labels."""
    kept = matches.valid[..., None, None]
    predicted = _rows(proposals.masks, matches.prediction)
    labels = jnp.take_along_axis(truth.labels, matches.truth, axis=1)
    return Pairs(
        predicted=jnp.where(kept, predicted, jnp.zeros((), predicted.dtype)),
        truth=jnp.where(kept, _rows(truth.coverage, matches.truth), 0.0),
        labels=jnp.where(matches.valid, labels, -1),
    )


def predicted_coverage(
    pairs: Pairs, frame: Size, size: Size, *, threshold: float, pad_empty: bool
) -> Float[Array, "b p h w"]:
    """Makes predictions hard and brings them to a size by way of the image's, as the code does.

    Args:
        pairs: Matched masks.
        frame: Height and width of the padded image.
        size: Height and width of the result.
        threshold: Probability above which a pixel is inside.
        pad_empty: Whether padding becomes empty masks or full ones. The reference thresholds
            logits of zero, so its padding is empty at 0.5 (FC-CLIP) and full below (MAFT+).
    """
    hard = binarise(pairs.predicted, threshold)
    hard = jnp.where(pairs.labels[..., None, None] >= 0, hard, not pad_empty)
    return resize_via(hard.astype(jnp.float32), frame, size)


def _rows(masks: Array, index: Int[Array, "b p"]) -> Array:
    return jnp.take_along_axis(masks, index[..., None, None], axis=1)
