"""What is shown to a method as a region while it trains: the priors of MaskCLIP++'s Table 2.

Each returns regions and one label per region, -1 where there is none.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ovseg_jax.foundation.typing import Batch, Proposals
from ovseg_jax.methods.mixed_masks import gather_pairs, pairwise_ious, truth_at
from ovseg_jax.ops.batch_parts import drawn
from ovseg_jax.ops.masks.crops import mask_boxes
from ovseg_jax.ops.matching.by_iou import match_by_iou
from ovseg_jax.ops.sizes import mask_size

MIN_IOU = 0.5
"""Generated masks that overlap their partner less are no examples of its class."""


def filled_boxes(masks: Proposals) -> Proposals:
    """Replaces hard masks by their smallest upright rectangles."""
    top, left, bottom, right = jnp.moveaxis(mask_boxes(masks.masks), -1, 0)[..., None]
    rows, columns = (jnp.arange(size) for size in masks.masks.shape[-2:])
    inside_rows = (rows >= top) & (rows < bottom)
    inside_columns = (columns >= left) & (columns < right)
    return masks.replace(masks=inside_rows[..., :, None] & inside_columns[..., None, :])


def matched_proposals(
    batch: Batch, proposals: Proposals, rng: Array, capacity: int
) -> tuple[Proposals, Int[Array, "b p"]]:
    """Gives proposals the labels of the ground truth that they are matched to.

    One to one by the largest sum of IoUs; pairs below `MIN_IOU` are dropped. The paper does not
    state its rule.

    Args:
        batch: Images with `segment_ids` and `labels`.
        proposals: Masks of a generator.
        rng: Draws which pairs stay when there are too many.
        capacity: Pairs per image.
    """
    truth = truth_at(batch, mask_size(proposals.masks))
    ious = pairwise_ious(proposals, truth, 0.5)

    def match(ious: Array, truth_valid: Array, valid: Array, key: Array):
        return match_by_iou(
            ious,
            gt_valid=truth_valid,
            pred_valid=valid,
            rng=key,
            threshold=MIN_IOU,
            capacity=capacity,
            rule="hungarian",
        )

    keys = drawn(lambda b: jax.random.split(rng, b), len(ious))
    matches = jax.vmap(match)(ious, truth.labels >= 0, proposals.valid, keys)
    pairs = gather_pairs(matches, proposals, truth)
    return Proposals(masks=pairs.predicted, valid=pairs.labels >= 0), pairs.labels


def cell_labels(batch: Batch, grid: tuple[int, int]) -> Int[Array, "b hw"]:
    """Returns the class under the centre of every cell; -1 where nothing is labelled.

    Args:
        batch: Images with `segment_ids` and `labels`.
        grid: Rows and columns of cells; the frame divides into them.
    """
    segment_ids, labels = batch.truth
    height, width = segment_ids.shape[1:]
    rows = (jnp.arange(grid[0]) * 2 + 1) * height // (2 * grid[0])
    columns = (jnp.arange(grid[1]) * 2 + 1) * width // (2 * grid[1])
    ids = segment_ids[:, rows][:, :, columns].reshape(len(segment_ids), -1)
    own = jnp.take_along_axis(labels, jnp.maximum(ids - 1, 0), axis=1)
    return jnp.where(ids > 0, own, -1)
