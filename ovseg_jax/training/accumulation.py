"""A batch taken in parts, whose gradients add up to that of the whole batch.

Two rounds. The first counts what the losses divide by (`ops.batch_parts`) over all parts; of the
network, the compiler leaves only what these counts depend on: nothing for true masks, the proposals
where matched masks are counted. The second adds up losses and gradients, each already divided by
the counts of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ovseg_jax.foundation.typing import Batch
from ovseg_jax.ops import batch_parts

Sums = TypeVar("Sums")


def added_up(
    forward: Callable[[Batch], Any], derive: Callable[[Batch], Sums], batch: Batch, parts: int
) -> Sums:
    """Returns `derive(batch)`, of which only a part at a time is computed.

    Args:
        forward: What `derive` asks `ops.batch_parts` for, without gradients.
        derive: Returns arrays that are sums over images.
        batch: Images that divide into so many parts.
        parts: How many; 1 computes the whole batch at once.
    """
    if parts == 1:
        return derive(batch)
    images = len(batch.images)
    each = in_parts(batch, parts), in_parts(jnp.arange(images), parts)

    def count(_: None, given: tuple[Batch, Int[Array, " b"]]) -> tuple[None, list[Array]]:
        with batch_parts.inside(batch_parts.Part(images, given[1])) as part:
            forward(given[0])
        return None, part.counts

    totals = [counts.sum(0) for counts in jax.lax.scan(count, None, each)[1]]

    def derived(given: tuple[Batch, Int[Array, " b"]]) -> Sums:
        with batch_parts.inside(batch_parts.Part(images, given[1], totals)):
            return derive(given[0])

    def add(sums: Sums, given: tuple[Batch, Int[Array, " b"]]) -> tuple[Sums, None]:
        return jax.tree.map(jnp.add, sums, derived(given)), None

    shapes = jax.eval_shape(derived, jax.tree.map(lambda x: x[0], each))
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    return jax.lax.scan(add, zeros, each)[0]


def in_parts(tree: Any, parts: int) -> Any:
    """Cuts leading axes into parts: of every so many neighbours, each part gets one.

    So each device cuts what it holds itself, and every part lies on all devices.
    """

    def cut(x: Array) -> Array:
        return x.reshape(x.shape[0] // parts, parts, *x.shape[1:]).swapaxes(0, 1)

    return jax.tree.map(cut, tree)
