"""Multi-scale deformable sampling: every query reads a few learned places of several maps.

Three forms of the same result, with gradients for values, places and weights:

* "reference": the definition, corner by corner. Ten times faster than portions on a GPU, where XLA
  fuses all corners of a level, and the default on accelerators.
* "packed": the four neighbours of every place lie side by side in one table, so that each sample is
  one gather of one row, and a portion of queries at a time stays in the cache. It needs four times
  the memory of the maps and is the default on a CPU.
* "whole": the same in one portion.

Matches `ms_deform_attn_core_pytorch` of fundamentalvision/Deformable-DETR (docs/reference 5.2):
bilinear, zero outside, pixel centres at half coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.ops.sizes import map_size

FORMS = ("reference", "packed", "whole")
CHUNK = 2048
"""Queries of one head that are sampled at once; the fastest on CPU."""

Maps = Sequence[Float[Array, "b _h _w heads d"]]
Places = Float[Array, "b n heads levels points 2"]
Weights = Float[Array, "b n heads levels points"]


def deformable_sample(
    values: Maps, places: Places, weights: Weights, *, form: str | None = None
) -> Float[Array, "b n heads d"]:
    """Sums weighted samples of maps at given places.

    Args:
        values: One map per level, channels split by head.
        places: x and y of each sample, 0 to 1 over the map; what lies outside is zero.
        weights: Of each sample.
        form: One of `FORMS`; None for the faster one on the platform that is compiled for.

    Raises:
        OperandError: The form is unknown, or the levels do not agree.
    """
    if len(values) != places.shape[3] or places.shape[:-1] != weights.shape:
        raise OperandError(
            f"{len(values)} maps, places {places.shape} and weights {weights.shape} do not agree"
        )
    if form not in (None, *FORMS):
        raise OperandError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    ways: dict[str, Callable[..., Array]] = {
        "reference": _reference,
        "packed": partial(_packed, chunk=CHUNK),
        "whole": partial(_packed, chunk=None),
    }
    if form is None:  # what the reference reads would be kept for its derivative: 1 GB a photo
        again = jax.checkpoint(_reference)
        inputs = tuple(values), places, weights
        return lax.platform_dependent(*inputs, cpu=ways["packed"], default=again)
    return ways[form](tuple(values), places, weights)


def _reference(values: Maps, places: Places, weights: Weights) -> Float[Array, "b n heads d"]:
    """Reads in float32 at least, so that gradients, to which many samples add, add up in it."""
    total = jnp.zeros((), weights.dtype)
    result = jnp.result_type(values[0], places, weights)
    for level, value in enumerate(values):
        value = value.astype(jnp.promote_types(value.dtype, jnp.float32))
        x0, y0, fx, fy = _cells(places[:, :, :, level], map_size(value))
        for right in (0, 1):
            for below in (0, 1):
                share = (fx if right else 1 - fx) * (fy if below else 1 - fy)
                corner = _corner(value, x0 + right, y0 + below)
                total = total + (corner * (share * weights[:, :, :, level])[..., None]).sum(3)
    return total.astype(result)


def _cells(places: Array, size: tuple[int, int]) -> tuple[Array, Array, Array, Array]:
    """Column and row of the upper left neighbour, and how far each place lies from it."""
    x = places[..., 0] * size[1] - 0.5
    y = places[..., 1] * size[0] - 0.5
    left, top = jnp.floor(x), jnp.floor(y)
    return left.astype(jnp.int32), top.astype(jnp.int32), x - left, y - top


def _corner(value: Array, column: Array, row: Array) -> Float[Array, "b n heads points d"]:
    """The map's values at whole places, zero outside."""
    _, height, width, heads, _ = value.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    batch = jnp.arange(value.shape[0])[:, None, None, None]
    head = jnp.arange(heads)[:, None]
    found = value[batch, jnp.clip(row, 0, height - 1), jnp.clip(column, 0, width - 1), head]
    return jnp.where(inside[..., None], found, 0.0)


def _packed(
    values: Maps, places: Places, weights: Weights, chunk: int | None
) -> Float[Array, "b n heads d"]:
    batch, count, heads, levels, points = weights.shape
    depth = values[0].shape[-1]
    table, starts = _neighbour_table(values)
    rows, shares = [], []
    for level, value in enumerate(values):
        row, share = _table_rows(places[:, :, :, level], map_size(value))
        rows.append(row + starts[level])
        shares.append(share * weights[:, :, :, level, :, None])
    # Samples of one head of one image lie together, like the rows of the table.
    block = (jnp.arange(batch)[:, None] * heads + jnp.arange(heads)) * starts[-1]
    row = jnp.moveaxis(jnp.concatenate(rows, -1), 2, 1) + block[..., None, None]
    share = jnp.moveaxis(jnp.concatenate(shares, -2), 2, 1)
    mixed = _gather_and_mix(
        table,
        row.reshape(-1, levels * points),
        share.reshape(-1, levels * points * 4),
        chunk,
    )
    return jnp.moveaxis(mixed.reshape(batch, heads, count, depth), 1, 2)


def _neighbour_table(values: Maps) -> tuple[Float[Array, "r d4"], list[int]]:
    """Rows of four neighbours for every place between cells, by image, head, level and place.

    Returns:
        The table, and the row at which each level starts within a head, with their end last.
    """
    parts, starts = [], [0]
    for value in values:
        batch, height, width, heads, depth = value.shape
        padded = jnp.pad(value, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)))
        corners = [padded[:, y : y + height + 1, x : x + width + 1] for y in (0, 1) for x in (0, 1)]
        packed = jnp.stack(corners, -2).reshape(batch, -1, heads, 4 * depth)
        parts.append(jnp.moveaxis(packed, 2, 1))
        starts.append(starts[-1] + packed.shape[1])
    return jnp.concatenate(parts, 2).reshape(-1, parts[0].shape[-1]), starts


def _table_rows(
    places: Float[Array, "b n heads points 2"], size: tuple[int, int]
) -> tuple[Int[Array, "b n heads points"], Float[Array, "b n heads points 4"]]:
    """Which row of a level's part holds the neighbours of a place, and their shares.

    A place without a neighbour inside is moved to the rim of zeros, and gets no gradient. Clipping
    would halve the gradient of places just on the rim, where heads that start as stars put many.
    """
    height, width = size
    x, y = places[..., 0] * width - 0.5, places[..., 1] * height - 0.5
    x = jnp.where((x < -1) | (x >= width), -1.0, x)  # NaN stays
    y = jnp.where((y < -1) | (y >= height), -1.0, y)
    left, top = jnp.floor(x), jnp.floor(y)
    fx, fy = x - left, y - top
    row = (top.astype(jnp.int32) + 1) * (width + 1) + left.astype(jnp.int32) + 1
    return row, jnp.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], -1)


def _mix_rows(
    table: Float[Array, "r d4"],
    rows: Int[Array, "m s"],
    shares: Float[Array, "m s4"],
    chunk: int | None,
) -> Float[Array, "m d"]:
    """Mixes the neighbours in the rows that each query names, by its shares."""

    def mix(portion: tuple[Array, Array]) -> Array:
        rows, shares = portion
        return jnp.matmul(shares[:, None], _gathered(table, rows))[:, 0]

    if chunk is None:
        return mix((rows, shares))
    count = len(rows)
    mixed = lax.map(mix, (_portions(rows, chunk), _portions(shares, chunk)))
    return mixed.reshape(-1, mixed.shape[-1])[:count]


def _gathered(table: Array, rows: Int[Array, "c s"]) -> Float[Array, "c s4 d"]:
    found = table.at[rows.reshape(-1)].get(mode="promise_in_bounds")
    return found.reshape(rows.shape[0], rows.shape[1] * 4, -1)


def _portions(x: Array, chunk: int | None) -> Array:
    """Cuts the first axis into portions; the last is filled up with zeros."""
    chunk = min(chunk or len(x), len(x))
    count = -(-len(x) // chunk)
    padded = jnp.pad(x, ((0, count * chunk - len(x)), *((0, 0),) * (x.ndim - 1)))
    return padded.reshape(count, chunk, *x.shape[1:])


def _forward(
    table: Array, rows: Array, shares: Array, chunk: int | None
) -> tuple[Array, tuple[Array, Array, Array]]:
    return _mix_rows(table, rows, shares, chunk), (table, rows, shares)


def _backward(
    chunk: int | None, saved: tuple, gradient: Float[Array, "m d"]
) -> tuple[Array, None, Array]:
    """Gathers again for the shares; adds up the table's gradient in place, portion by portion.

    It is added up in float32 at least: many samples share a row.
    """
    table, rows, shares = saved
    start = jnp.zeros(table.shape, jnp.promote_types(table.dtype, jnp.float32))

    def step(total: Array, portion: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        rows, shares, gradient = portion
        to_shares = jnp.matmul(_gathered(table, rows), gradient[:, :, None])[..., 0]
        to_rows = (shares[:, :, None] * gradient[:, None]).reshape(-1, table.shape[1])
        return total.at[rows.reshape(-1)].add(to_rows, mode="promise_in_bounds"), to_shares

    portions = _portions(rows, chunk), _portions(shares, chunk), _portions(gradient, chunk)
    to_table, to_shares = lax.scan(step, start, portions)
    return to_table.astype(table.dtype), None, to_shares.reshape(-1, shares.shape[1])[: len(shares)]


_gather_and_mix = jax.custom_vjp(_mix_rows, nondiff_argnums=(3,))
_gather_and_mix.defvjp(_forward, _backward)
