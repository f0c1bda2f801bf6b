"""Answers without masks: maps of classes at the grid of a tower, brought to the photo's size."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ovseg_jax.inference.postprocess.geometry import (
    Frame,
    cut_rows,
    resize_tile,
    rows_per_tile,
    to_output,
)
from ovseg_jax.ops.vectors import ABSENT


@functools.partial(jax.jit, static_argnames=("frame", "rows"))
def dense_labels(
    logits: Float[Array, "k _h _w"], frame: Frame, *, rows: int = 0
) -> tuple[Int[Array, "_H _W"], Float[Array, "_H _W"]]:
    """Resizes maps of classes bilinearly and takes each pixel's best class, some rows at a time.

    Args:
        logits: One map per class slot over the padded input; -inf in empty slots.
        frame: Sizes of the padded input, of the picture in it, and of the answer; static.
        rows: Output rows per tile; 0 chooses them to fit `geometry.TILE_BYTES`.

    Returns:
        The class of every pixel, and its probability among all classes.
    """
    logits = jnp.maximum(logits.astype(jnp.float32), ABSENT)
    classes, height, width = logits.shape
    tiles = cut_rows(to_output(height, frame, 0), rows or rows_per_tile(frame, 2 * classes))
    columns = to_output(width, frame, 1)
    weights, starts = jnp.float32(tiles.weights), jnp.asarray(tiles.starts)

    def best(index: Array) -> tuple[Array, Array]:
        tile = resize_tile(logits, starts[index], weights[index], columns)
        return tile.argmax(0).astype(jnp.int32), jax.nn.softmax(tile, axis=0).max(0)

    labels, winning = lax.map(best, jnp.arange(len(starts)))
    span = frame.output[1]
    return labels.reshape(-1, span)[: tiles.height], winning.reshape(-1, span)[: tiles.height]
