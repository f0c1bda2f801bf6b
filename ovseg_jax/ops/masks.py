"""Masks from id maps and at other sizes, and drawing a fixed number of them: static shapes."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from ovseg_jax.ops.resize import interpolation_matrix, resize_masks

NO_ID = -1
"""An id that no pixel has: the mask of a padded slot comes out empty."""


def masks_from_ids(segment_ids: Int[Array, "b H W"], count: int) -> Bool[Array, "b n H W"]:
    """Expands an id map into one mask per id 1 to `count`; id 0 is void."""
    ids = jnp.arange(1, count + 1, dtype=segment_ids.dtype)
    return segment_ids[:, None] == ids[None, :, None, None]


def masks_of_ids(
    segment_ids: Int[Array, "b H W"], ids: Int[Array, "b n"]
) -> Bool[Array, "b n H W"]:
    """Expands an id map into the masks of chosen ids; `NO_ID` gives an empty mask."""
    return segment_ids[:, None] == ids[:, :, None, None]


def ids_present(segment_ids: Int[Array, "b H W"], count: int) -> Bool[Array, "b n"]:
    """Tells which of the ids 1 to `count` own at least one pixel."""
    # XLA fuses comparison and reduction: the masks are never written.
    return masks_from_ids(segment_ids, count).any((-2, -1))


def coverage_of_ids(
    segment_ids: Int[Array, "b H W"], ids: Int[Array, "b n"], size: tuple[int, int]
) -> Float[Array, "b n h w"]:
    """Computes the masks of chosen ids at another size, without building them at full size.

    Equal to `resize_masks(masks_of_ids(segment_ids, ids), size)`, that is torch's bilinear
    `F.interpolate`: each result pixel compares the four id pixels around it and adds up their
    weights.

    Args:
        segment_ids: Id of every pixel.
        ids: Wanted ids; `NO_ID` gives an empty mask.
        size: Height and width of the result.

    Returns:
        Coverage from 0 to 1.
    """
    rows = _bilinear_taps(segment_ids.shape[1], size[0])
    columns = _bilinear_taps(segment_ids.shape[2], size[1])
    wanted = ids[:, :, None, None]
    total = jnp.zeros((*ids.shape, *size), jnp.float32)
    for row, row_weight in rows:
        for column, column_weight in columns:
            sampled = segment_ids[:, row][:, :, column][:, None]
            weight = jnp.asarray(np.outer(row_weight, column_weight), jnp.float32)
            total = total + jnp.where(sampled == wanted, weight, 0.0)
    return total


def _bilinear_taps(source: int, target: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns (indices, weights) of the lower and the upper neighbour of every sample."""
    position = np.maximum((np.arange(target) + 0.5) * (source / target) - 0.5, 0)
    lower = np.minimum(np.floor(position).astype(np.int32), source - 1)
    fraction = position - lower
    return [(lower, 1 - fraction), (np.minimum(lower + 1, source - 1), fraction)]


def resize_via(
    masks: Float[Array, "*b h w"], via: tuple[int, int], size: tuple[int, int]
) -> Float[Array, "*b H W"]:
    """Resizes bilinearly to one size and from there to another, in one step per axis.

    Resizing is linear, so the two matrices of each axis are multiplied beforehand and the masks
    never exist at the size between, which may be that of a whole photo.
    """
    rows = _composed(masks.shape[-2], via[0], size[0])
    columns = _composed(masks.shape[-1], via[1], size[1])
    exact = lax.Precision.HIGHEST
    resized = jnp.einsum("Hh,...hw->...Hw", jnp.asarray(rows, jnp.float32), masks, precision=exact)
    return jnp.einsum(
        "Ww,...hw->...hW", jnp.asarray(columns, jnp.float32), resized, precision=exact
    )


def _composed(source: int, between: int, target: int) -> np.ndarray:
    return interpolation_matrix(between, target) @ interpolation_matrix(source, between)


def area_coverage(
    masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"], size: tuple[int, int]
) -> Float[Array, "b q h w"]:
    """Computes which fraction of each cell a mask covers.

    Unlike bilinear sampling, which looks at two pixels per axis whatever the shrink factor, no
    mask is too small to leave a trace.
    """
    rows = _area_matrix(masks.shape[-2], size[0])
    columns = _area_matrix(masks.shape[-1], size[1])
    return jnp.einsum("Hh,bqhw,Ww->bqHW", rows, masks.astype(jnp.float32), columns)


@functools.lru_cache(maxsize=64)
def _area_matrix(source: int, target: int) -> np.ndarray:
    """Returns [target, source] weights: the share of each cell that lies in each pixel."""
    edges = np.arange(target + 1) * (source / target)
    pixels = np.arange(source)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    matrix = (np.clip(overlap, 0, None) * (target / source)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def binarise(
    masks: Float[Array, "*b H W"] | Bool[Array, "*b H W"], probability: float = 0.5
) -> Bool[Array, "*b H W"]:
    """Hard masks: booleans as they are, logits where their sigmoid exceeds `probability`."""
    return masks if masks.dtype == jnp.bool_ else jax.nn.sigmoid(masks) > probability


def hard_masks(
    masks: Float[Array, "*b h w"] | Bool[Array, "*b h w"],
    size: tuple[int, int],
    probability: float = 0.5,
) -> Bool[Array, "*b H W"]:
    """Brings masks to a size and makes them hard: logits are resized first, as OVSeg does.

    Boolean masks of another size are resized as coverage and cut at one half.
    """
    if masks.dtype != jnp.bool_:
        return binarise(resize_masks(masks, size), probability)
    if masks.shape[-2:] == size:
        return masks
    return resize_masks(masks.astype(jnp.float32), size) > 0.5


def sample_slots(
    rng: Key[Array, ""] | UInt32[Array, "2"], present: Bool[Array, "b n"], count: int
) -> tuple[Int[Array, "b p"], Bool[Array, "b p"]]:
    """Draws up to `count` present slots of each row, uniformly and without repetition.

    When all present slots fit they are all taken, in their own order; otherwise a random
    subset. Unused results are marked invalid.

    Returns:
        Slot indices and their validity, both of width `count`.
    """
    noise = jax.random.uniform(rng, present.shape)
    crowded = present.sum(-1, keepdims=True) > count
    order = jnp.where(crowded, noise, jnp.linspace(0.0, 1.0, present.shape[-1])[None])
    slots = jnp.argsort(jnp.where(present, order, 2.0), axis=-1)[:, :count]
    valid = jnp.take_along_axis(present, slots, axis=-1)
    missing = count - slots.shape[-1]
    padding = ((0, 0), (0, max(missing, 0)))
    return jnp.pad(slots, padding), jnp.pad(valid, padding)
