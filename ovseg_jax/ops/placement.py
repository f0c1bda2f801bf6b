"""How rows and masks lie on the devices of a mesh, for code inside of a compiled step.

The mesh is that of `jax.sharding.use_abstract_mesh`; without one there is one device.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.sharding import PartitionSpec as P
from jax.sharding import get_abstract_mesh
from jaxtyping import Array

MASKS = "masks"
"""The mesh axis along which devices hold the same pictures and share their masks out."""


def row_axes(count: Any) -> tuple[str, ...]:
    """Returns the axes over which so many rows are split: all; or, of pictures, all but `MASKS`.

    None where they do not divide.

    Args:
        count: Rows in all; a number, or one that is known later (`jax.export`).
    """
    every = tuple(get_abstract_mesh().shape)
    for axes in (every, tuple(axis for axis in every if axis != MASKS)):
        if not count % _parts(axes):
            return axes
    return ()


def rows_on_a_device(count: Any) -> Any:
    """Returns how many rows of a batch lie on each device: all, unless a mesh says otherwise.

    Args:
        count: See `row_axes`.
    """
    return count // _parts(row_axes(count))


def share_masks(masks: Array, *pictures: Array) -> tuple[Array, ...]:
    """Gives every device along `MASKS` its share of the masks of the same pictures.

    Args:
        masks: [b q ..].
        pictures: Arrays [b ..] of what their pictures are.

    Returns:
        Masks [b*parts ceil(q/parts) ..], where empty ones fill up the last part, and with each part
        what belongs to its picture, [b*parts ..]: the same arrays where nothing is shared out.
    """
    parts = _parts((MASKS,)) if MASKS in get_abstract_mesh().shape else 1
    if parts == 1:
        return masks, *pictures
    batch, count = masks.shape[:2]
    padding = [(0, 0)] * masks.ndim
    padding[1] = (0, -count % parts)
    rows = jnp.pad(masks, padding).reshape(batch * parts, -1, *masks.shape[2:])
    repeated = (jnp.repeat(array, parts, axis=0) for array in pictures)
    place = P(get_abstract_mesh().axis_names)
    return tuple(lax.with_sharding_constraint(array, place) for array in (rows, *repeated))


def join_shares(results: Array, batch: int, count: int) -> Array:
    """Puts what was computed for shares of masks together again: [b*parts n ..] to [b q ..]."""
    return results.reshape(batch, -1, *results.shape[2:])[:, :count]


def _parts(axes: tuple[str, ...]) -> int:
    return math.prod(get_abstract_mesh().shape[axis] for axis in axes)
