"""Instance segmentation: the best pairs of mask and class.

Matches `instance_inference` of bytedance/fc-clip: the highest class probabilities over all pairs,
thing classes only, each scored by its probability times the mean mask probability inside.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.inference.ensemble import class_probabilities
from ovseg_jax.inference.postprocess.geometry import (
    Frame,
    cut_rows,
    resize_tile,
    rows_per_tile,
    to_output,
)


@dataclasses.dataclass(frozen=True)
class Instances:
    """Instances of one image, best class probability first; two may share a mask.

    Attributes:
        queries: Which mask each instance is.
        classes: Class slot of each instance.
        scores: Class probability times mask quality.
        masks: Hard masks at the size of the answer; they may overlap.
    """

    queries: Int[np.ndarray, " n"]
    classes: Int[np.ndarray, " n"]
    scores: Float[np.ndarray, " n"]
    masks: Bool[np.ndarray, "n H W"]


def instances(
    log_probs: Float[Array, "q k1"],
    mask_logits: Float[Array, "q _h _w"],
    frame: Frame,
    *,
    top: int,
    is_thing: Bool[np.ndarray, " k"] | None = None,
    valid: Bool[np.ndarray, " q"] | None = None,
) -> Instances:
    """Finds the instances of one image from soft masks.

    Args:
        log_probs: Class logits or log probabilities of each mask, void last.
        mask_logits: Masks over the padded input, at any resolution, positive inside.
        frame: Sizes of the padded input, of the picture in it, and of the answer.
        top: Pairs of mask and class that are considered, before stuff is removed.
        is_thing: Classes that count; None counts all.
        valid: False for slots that hold no mask.
    """
    queries, classes, scores = top_pairs(log_probs, top, is_thing, valid)
    used, place = np.unique(queries, return_inverse=True)
    if not len(used):
        return _gather(queries, classes, scores, np.zeros((0, *frame.output), bool))
    slots = 1 << (len(used) - 1).bit_length()  # powers of two, so that few shapes compile
    masks, quality = harden(mask_logits[np.pad(used, (0, slots - len(used)))], frame)
    masks, quality = np.asarray(masks)[place], np.asarray(quality)[place]
    return _gather(queries, classes, scores * quality, masks)


def top_pairs(
    log_probs: Float[Array, "q k1"],
    top: int,
    is_thing: Bool[np.ndarray, " k"] | None = None,
    valid: Bool[np.ndarray, " q"] | None = None,
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Picks the `top` pairs with the highest class probability, then keeps things only.

    Returns:
        Mask, class and class probability of each pair, best first.
    """
    probabilities = np.array(class_probabilities(log_probs))
    present = np.isfinite(np.asarray(log_probs)[:, :-1])
    if valid is not None:
        present &= valid[:, None]
    flat = np.where(present, probabilities, -1.0).ravel()
    order = np.argsort(-flat, kind="stable")[:top]
    order = order[flat[order] >= 0]
    queries, classes = np.divmod(order, probabilities.shape[1])
    keep = np.ones(len(order), bool) if is_thing is None else is_thing[classes]
    return queries[keep], classes[keep], flat[order][keep]


@functools.partial(jax.jit, static_argnames=("frame", "rows"))
def harden(
    mask_logits: Float[Array, "q _h _w"], frame: Frame, rows: int = 0
) -> tuple[Bool[Array, "q _H _W"], Float[Array, " q"]]:
    """Returns masks at the size of the answer, above zero, and the mean probability inside each."""
    rows = rows or rows_per_tile(frame, 3 * mask_logits.shape[0])
    tiles = cut_rows(to_output(mask_logits.shape[1], frame, 0), rows)
    columns = to_output(mask_logits.shape[2], frame, 1)

    def harden(tile: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        logits = resize_tile(mask_logits, *tile, columns)
        inside = logits > 0  # rows past the end are zero, so outside
        probs = jnp.where(inside, jax.nn.sigmoid(logits), 0.0)
        return inside.swapaxes(0, 1), probs.sum((1, 2)), inside.sum((1, 2))

    inputs = (jnp.asarray(tiles.starts), jnp.float32(tiles.weights))
    inside, sums, counts = lax.map(harden, inputs)  # inside: [tiles, rows, q, W]
    masks = inside.reshape(-1, *inside.shape[2:])[: tiles.height].swapaxes(0, 1)
    return masks, sums.sum(0) / (counts.sum(0) + 1e-6)


def _gather(queries, classes, scores, masks) -> Instances:
    return Instances(
        queries=queries, classes=classes, scores=scores.astype(np.float32), masks=masks
    )
