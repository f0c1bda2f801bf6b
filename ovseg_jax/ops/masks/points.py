"""Masks read at a few points in place of every pixel, and which points are worth reading."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt32

from ovseg_jax.ops.batch_parts import drawn

Points = Float[Array, "... p 2"]
"""x and y, 0 to 1 over the map."""


def sample_points(
    maps: Float[Array, "*b h w"], points: Float[Array, "*b p 2"]
) -> Float[Array, "*b p"]:
    """Reads maps between their pixels, zero outside.

    Matches detectron2's `point_sample`: bilinear, pixel centres at half coordinates.

    Args:
        maps: One map per entry.
        points: x and y, 0 to 1; as many for each map.
    """
    height, width = maps.shape[-2:]
    flat = maps.reshape(*maps.shape[:-2], height * width)
    total = jnp.zeros((), maps.dtype)
    for row, column, share in _neighbours(points, height, width):
        cell = jnp.clip(row, 0, height - 1) * width + jnp.clip(column, 0, width - 1)
        found = jnp.take_along_axis(flat, cell, axis=-1)
        total = total + jnp.where(_inside(row, column, height, width), found * share, 0.0)
    return total


def sample_segments(
    segment_ids: Int[Array, "b H W"], ids: Int[Array, "b n"], points: Float[Array, "b n p 2"]
) -> Float[Array, "b n p"]:
    """Reads the masks of chosen ids without building them.

    Equal to `sample_points(masks_of_ids(segment_ids, ids), points)`: each point compares the four
    ids around it.

    Args:
        segment_ids: Id of every pixel.
        ids: Wanted ids; `NO_ID` gives zeros.
        points: x and y, 0 to 1.
    """
    height, width = segment_ids.shape[1:]
    flat = segment_ids.reshape(len(segment_ids), 1, -1)
    total = jnp.zeros(points.shape[:-1], jnp.float32)
    for row, column, share in _neighbours(points, height, width):
        cell = jnp.clip(row, 0, height - 1) * width + jnp.clip(column, 0, width - 1)
        found = jnp.take_along_axis(flat, cell.reshape(len(flat), 1, -1), axis=-1)
        own = found.reshape(cell.shape) == ids[:, :, None]
        total = total + jnp.where(own & _inside(row, column, height, width), share, 0.0)
    return total


def uncertain_points(
    rng: Key[Array, ""] | UInt32[Array, "2"],
    logits: Float[Array, "*b h w"],
    count: int,
    oversample: float,
    importance: float,
) -> Float[Array, "*b p 2"]:
    """Draws points, most of them where a mask is least sure of itself.

    Matches detectron2's `get_uncertain_point_coords_with_randomness` with the distance of the
    logit from zero as certainty (PointRend, arXiv 1912.08193).

    Args:
        rng: Key.
        logits: Of each mask.
        count: Points per mask.
        oversample: Candidates per point.
        importance: Share of the points taken from the least certain candidates; the others are
            drawn anew.
    """
    images, *masks = logits.shape[:-2]

    def draw(key: Array, points: int) -> Float[Array, "*b p 2"]:
        return drawn(lambda b: jax.random.uniform(key, (b, *masks, points, 2)), images)

    candidate_key, rest_key = jax.random.split(rng)
    candidates = draw(candidate_key, int(count * oversample))
    certainty = jnp.abs(sample_points(logits, candidates))
    chosen = int(importance * count)
    _, order = jax.lax.top_k(-certainty, chosen)
    uncertain = jnp.take_along_axis(candidates, order[..., None], axis=-2)
    rest = draw(rest_key, count - chosen)
    return jnp.concatenate([uncertain, rest], axis=-2)


def _neighbours(points: Points, height: int, width: int) -> list[tuple[Array, Array, Array]]:
    """Row, column and share of the four pixels around each point."""
    x, y = points[..., 0] * width - 0.5, points[..., 1] * height - 0.5
    left, top = jnp.floor(x), jnp.floor(y)
    fx, fy = x - left, y - top
    left, top = left.astype(jnp.int32), top.astype(jnp.int32)
    return [
        (top + below, left + right, (fy if below else 1 - fy) * (fx if right else 1 - fx))
        for below in (0, 1)
        for right in (0, 1)
    ]


def _inside(row: Array, column: Array, height: int, width: int) -> Array:
    return (row >= 0) & (row < height) & (column >= 0) & (column < width)
