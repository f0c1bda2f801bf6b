"""Semantic segmentation: each pixel's class from the sum over masks of probability times mask.

Matches `semantic_inference` of bytedance/fc-clip, which hustvl/MaskAdapter and
jiaosiyu1999/MAFT-Plus share. The reference resizes in one of two orders:

* "masks_first", when panoptic or instance results are wanted too: mask logits are cropped and
  resized to the photo's size, then summed;
* "scores_first", when only semantic results are wanted: masks are summed at the size of the
  padded input, and the scores of all classes are cropped and resized.

`semantic_scores` is the plain form with all classes at full size. `semantic_labels` gives its
argmax from a few rows at a time and never holds classes x height x width.
"""

from __future__ import annotations

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.inference.ensemble import class_probabilities
from ovseg_jax.inference.postprocess.geometry import (
    Frame,
    cut_rows,
    resize_both,
    resize_tile,
    resize_to_output,
    rows_per_tile,
    to_output,
    to_picture,
)
from ovseg_jax.ops.images.resize import interpolation_matrix, resize_masks

Order = Literal["masks_first", "scores_first"]


def semantic_scores(
    log_probs: Float[Array, "q k1"],
    mask_logits: Float[Array, "q _h _w"],
    frame: Frame,
    *,
    order: Order = "masks_first",
) -> Float[Array, "k _H _W"]:
    """Computes the scores of all classes at full size; `sem_seg` of the reference.

    Args:
        log_probs: Class logits or log probabilities of each mask, void last.
        mask_logits: Masks over the padded input, at any resolution, positive inside.
        frame: Sizes of the padded input, of the picture in it, and of the answer.
        order: Whether masks or summed scores are resized to the answer's size.

    Returns:
        One score per class and pixel; 0 in empty class slots.
    """
    probabilities = class_probabilities(log_probs)
    if order == "masks_first":
        return _sum_masks(probabilities, resize_to_output(mask_logits, frame))
    scores = _sum_masks(probabilities, resize_masks(mask_logits, frame.padded))
    return resize_masks(scores[:, : frame.picture[0], : frame.picture[1]], frame.output)


@functools.partial(jax.jit, static_argnames=("frame", "order", "rows"))
def semantic_labels(
    log_probs: Float[Array, "q k1"],
    mask_logits: Float[Array, "q _h _w"],
    frame: Frame,
    *,
    valid: Bool[Array, " q"] | None = None,
    order: Order = "masks_first",
    rows: int = 0,
) -> tuple[Int[Array, "_H _W"], Float[Array, "_H _W"]]:
    """Computes each pixel's best class and its score, a few rows at a time.

    Args:
        log_probs: As for `semantic_scores`.
        mask_logits: As for `semantic_scores`.
        frame: As for `semantic_scores`; static, so each set of sizes compiles once.
        valid: False for slots that hold no mask.
        order: As for `semantic_scores`.
        rows: Output rows per tile; 0 chooses them to fit `geometry.TILE_BYTES`.

    Returns:
        The class of every pixel, and the sum that won (it may exceed 1 where masks overlap).
    """
    probabilities = class_probabilities(log_probs)
    if valid is not None:
        probabilities = jnp.where(valid[:, None], probabilities, 0.0)
    channels = sum(probabilities.shape)
    tile_scores, starts, height = _tile_plan(
        probabilities, mask_logits, frame, order, rows or rows_per_tile(frame, channels)
    )

    def best(index: Array) -> tuple[Array, Array]:
        scores = tile_scores(index)
        return scores.argmax(0).astype(jnp.int32), scores.max(0)

    labels, winning = lax.map(best, jnp.arange(len(starts)))
    width = frame.output[1]
    return labels.reshape(-1, width)[:height], winning.reshape(-1, width)[:height]


def _tile_plan(probabilities, mask_logits, frame: Frame, order: Order, rows: int):
    """Returns a function from a tile's number to its scores [k, rows, W], and the tiles."""
    source = mask_logits.shape[1:]
    if order == "masks_first":
        tiles = cut_rows(to_output(source[0], frame, 0), rows)
        columns = to_output(source[1], frame, 1)
        weights, starts = jnp.float32(tiles.weights), jnp.asarray(tiles.starts)

        def scores(index: Array) -> Array:
            masks = resize_tile(mask_logits, starts[index], weights[index], columns)
            return _sum_masks(probabilities, masks)

        return scores, tiles.starts, tiles.height
    return _scores_first_plan(probabilities, mask_logits, frame, rows)


def _scores_first_plan(probabilities, mask_logits, frame: Frame, rows: int):
    """Like `_tile_plan`: mask rows to picture rows, summed, then picture rows to output rows."""
    outer = cut_rows(interpolation_matrix(frame.picture[0], frame.output[0]), rows)
    band = outer.weights.shape[2]
    picture = to_picture(mask_logits.shape[1], frame, 0)
    needed = np.concatenate([picture[start : start + band] for start in outer.starts])
    inner = cut_rows(needed, band)
    columns = to_picture(mask_logits.shape[2], frame, 1)
    final_columns = interpolation_matrix(frame.picture[1], frame.output[1])
    starts, weights = jnp.asarray(inner.starts), jnp.float32(inner.weights)
    final_rows = jnp.float32(outer.weights)

    def scores(index: Array) -> Array:
        masks = resize_tile(mask_logits, starts[index], weights[index], columns)
        return resize_both(_sum_masks(probabilities, masks), final_rows[index], final_columns)

    return scores, outer.starts, outer.height


def _sum_masks(
    probabilities: Float[Array, "q k"], mask_logits: Float[Array, "q _h _w"]
) -> Float[Array, "k _h _w"]:
    masks = jax.nn.sigmoid(mask_logits)
    return jnp.einsum("qk,qhw->khw", probabilities, masks, precision="highest")
