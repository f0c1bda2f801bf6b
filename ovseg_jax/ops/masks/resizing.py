"""Masks at other sizes, soft or hard: bilinear in one or two steps, by area, and cut."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

from ovseg_jax.ops.images.resize import interpolation_matrix, resize_masks


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
