"""Work done a part at a time, so that memory is bounded: chunks of masks, equal portions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import PartitionSpec as P
from jaxtyping import Array

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.ops.placement import row_axes, rows_on_a_device


def map_chunks(function: Callable[[Any], Any], arrays: Any, chunk: int, *, axis: int = 0) -> Any:
    """Applies a function to the masks a chunk at a time, one chunk after the other.

    Equal to `function(arrays)` wherever the function treats masks independently, with its
    temporaries bounded by the chunk instead of by the number of masks. Chunks are cut out one at a
    time, so the arrays are not copied, and as even as possible: 100 masks by at most 32 are four
    times 25. The last one starts early enough to be whole; what it computes again is dropped.

    Args:
        function: Maps arrays with some masks along `axis` to arrays with as many along `axis`.
            It must not mix masks. Whatever all masks share (features, weights) it closes over.
            Its reverse-mode residuals are kept for every chunk unless it is wrapped in
            `jax.checkpoint`.
        arrays: A pytree of arrays, all with the same number of masks along `axis`.
        chunk: Masks per call at most; with no more masks than that, the function is called once.
        axis: The mask axis of every array, counted from the front.

    Returns:
        The results for all masks, joined along `axis`.

    Raises:
        OperandError: If the chunk is below 1, or the arrays differ in their number of masks.
    """
    counts = {leaf.shape[axis] for leaf in jax.tree.leaves(arrays)}
    if chunk < 1 or len(counts) != 1:
        raise OperandError(f"chunk={chunk} over arrays of {sorted(counts)} masks along axis {axis}")
    count = counts.pop()
    if count <= chunk:
        return function(arrays)

    number = -(-count // chunk)
    chunk = -(-count // number)

    def compute(start: Array) -> Any:
        cut = functools.partial(lax.dynamic_slice_in_dim, slice_size=chunk, axis=axis)
        return function(jax.tree.map(lambda leaf: cut(leaf, start), arrays))

    starts = np.minimum(np.arange(number) * chunk, count - chunk)
    results = lax.map(compute, jnp.asarray(starts))
    return jax.tree.map(lambda leaf: _join(leaf, count, axis), results)


def _join(array: Array, count: int, axis: int) -> Array:
    """[chunks, .., chunk, ..] to [.., masks, ..], without what the last chunk has twice."""
    number, chunk = array.shape[0], array.shape[axis + 1]
    twice = number * chunk - count
    moved = jnp.moveaxis(array, 0, axis)
    joined = moved.reshape(*moved.shape[:axis], -1, *moved.shape[axis + 2 :])
    if not twice:
        return joined
    first = lax.slice_in_dim(joined, 0, (number - 1) * chunk, axis=axis)
    last = lax.slice_in_dim(joined, (number - 1) * chunk + twice, number * chunk, axis=axis)
    return jnp.concatenate([first, last], axis=axis)


def map_rows(function: Callable[[Any], Any], arrays: Any, *, together: int | None = None) -> Any:
    """Applies a function to rows one after the other, on each device to its own.

    As `lax.map`, whose loop would bring every row to every device where the rows are split over
    them: inside `jax.sharding.use_abstract_mesh` each device loops over a part of them.

    Args:
        function: Maps one row of each array to one row of each result.
        arrays: A pytree of arrays with as many rows each; where rows of several images follow each
            other, image by image.
        together: Rows at once on each device; None for one.
    """
    count = len(jax.tree.leaves(arrays)[0])
    own, axes = rows_on_a_device(count), row_axes(count)
    if own == count:
        return lax.map(function, arrays, batch_size=together)

    def divide(array: Array) -> Array:
        divided = array.reshape(count // own, own, *array.shape[1:])
        return lax.with_sharding_constraint(jnp.swapaxes(divided, 0, 1), P(None, axes))

    def rejoin(array: Array) -> Array:
        return jnp.swapaxes(array, 0, 1).reshape(count, *array.shape[2:])

    each = jax.vmap(function)  # over devices
    divided = jax.tree.map(divide, arrays)
    mapped = jax.vmap(each)(divided) if own == 1 else lax.map(each, divided, batch_size=together)
    return jax.tree.map(rejoin, mapped)


def largest_divisor(number: int, most: int) -> int:
    """Returns the largest divisor of a positive number that is at most `most`, and at least 1."""
    return next(part for part in range(min(most, number), 0, -1) if number % part == 0)
