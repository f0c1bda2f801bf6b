"""The two losses that MAFT+ adds to a generator's (arXiv 2408.00744; docs/reference 5.7)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ovseg_jax.ops.batch_parts import mean_over_batch, over_batch
from ovseg_jax.ops.images.resize import resize, resize_masks
from ovseg_jax.ops.sizes import mask_size

SCALES = (1, 2, 4)
"""Cells per side of the pooled pyramids."""


def mask_aware_loss(
    class_logits: Float[Array, "b q k1"],
    mask_logits: Float[Array, "b q h w"],
    truth: Float[Array, "b n H W"],
    labels: Int[Array, "b n"],
) -> Float[Array, ""]:
    """Makes the probability of a class follow how well each mask covers an object of it.

    Matches `MA_Loss` of jiaosiyu1999/MAFT-Plus: smooth L1 between the probability that query q is
    of object g's class and their soft IoU, scaled to 0 to 1 over the queries of each object.

    Args:
        class_logits: The method's logits, void last; void takes no part.
        mask_logits: Masks at any resolution.
        truth: Masks of objects.
        labels: Their classes; -1 in unused slots.

    Returns:
        The mean over all pairs of a query and an object; 0 without objects.
    """
    probabilities = jax.nn.softmax(class_logits[..., :-1], axis=-1)
    columns = jnp.maximum(labels, 0)[:, None]
    own = jnp.take_along_axis(probabilities, columns, axis=2)
    ious = _relative(_soft_ious(mask_logits, truth))
    losses = smooth_l1(own - jax.lax.stop_gradient(ious))
    wanted = jnp.broadcast_to((labels >= 0)[:, None], losses.shape)
    return jnp.where(wanted, losses, 0.0).sum() / jnp.maximum(over_batch(wanted.sum()), 1)


def compensation_loss(
    student: Float[Array, "b h w c"], teacher: Float[Array, "b h w c"]
) -> Float[Array, ""]:
    """Keeps a tuned map close to the frozen one in sums over rows and columns of a pyramid.

    Matches `Representation_Compensation` of jiaosiyu1999/MAFT-Plus with its defaults.

    Args:
        student: The map under training.
        teacher: That of the frozen tower.
    """
    return mean_over_batch(smooth_l1(_pyramid_sums(student) - _pyramid_sums(teacher)))


def smooth_l1(difference: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Half the square up to one, linear beyond."""
    size = jnp.abs(difference)
    return jnp.where(size < 1, 0.5 * size**2, size - 0.5)


def _soft_ious(
    mask_logits: Float[Array, "b q h w"], truth: Float[Array, "b n H W"]
) -> Float[Array, "b q n"]:
    masks = resize_masks(jax.nn.sigmoid(mask_logits), mask_size(truth))
    overlap = jnp.einsum("bqhw,bnhw->bqn", masks, truth)
    total = masks.sum((2, 3))[:, :, None] + truth.sum((2, 3))[:, None]
    return overlap / (total - overlap + 1e-7)


def _relative(ious: Float[Array, "b q n"]) -> Float[Array, "b q n"]:
    """Worst query 0, best query 1."""
    least, most = ious.min(1, keepdims=True), ious.max(1, keepdims=True)
    return (ious - least) / (most - least + 1e-8)


def _pyramid_sums(maps: Float[Array, "b h w c"]) -> Float[Array, "b s"]:
    maps, (height, width) = jax.nn.relu(maps), maps.shape[1:3]
    if height != width:
        side = max(height, width)
        maps = resize(maps, (side, side))
    sums = []
    for scale in SCALES:
        pooled = _average(maps, width // scale)
        sums += [pooled.sum(1).reshape(len(maps), -1), pooled.sum(2).reshape(len(maps), -1)]
    return jnp.concatenate(sums, axis=1)


def _average(maps: Float[Array, "b h w c"], side: int) -> Float[Array, "b _h _w c"]:
    """Means of whole squares; what does not fill a square is left out."""
    rows, columns = maps.shape[1] // side, maps.shape[2] // side
    cut = maps[:, : rows * side, : columns * side]
    return cut.reshape(len(maps), rows, side, columns, side, -1).mean((2, 4))
