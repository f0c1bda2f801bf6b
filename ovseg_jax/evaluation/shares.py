"""An evaluation divided: whole batches go to hosts by turns, and on each host to its devices.

A batch is never cut. Each one runs through the same program on one device, however many there are,
so no digit of a score depends on their number, and both protocols are divided alike. The price is
that every device holds all parameters.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import jax
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from ovseg_jax.foundation import threads
from ovseg_jax.foundation.typing import Params

Device = Any
"""One of `jax.devices()`."""
Item = TypeVar("Item")
Place = TypeVar("Place")
Made = TypeVar("Made")


def own_devices() -> list[Device]:
    """Returns the devices of this host."""
    return jax.local_devices()


def own_numbers(count: int, done: Collection[int] = ()) -> list[int]:
    """Returns which of `count` batches this host takes, without those that are done."""
    own = range(jax.process_index(), count, jax.process_count())
    return [number for number in own if number not in done]


def copies(params: Params, devices: Sequence[Device]) -> list[Params]:
    """Puts all parameters whole on each device; all hosts have to ask for it together.

    Args:
        params: Arrays of the host, or arrays that a training spread over the devices of all hosts.
        devices: Of this host.
    """
    leaves = jax.tree.leaves(params)
    spread = [leaf for leaf in leaves if isinstance(leaf, jax.Array) and _is_spread(leaf)]
    if not spread:
        return [jax.device_put(params, device) for device in devices]
    mesh = spread[0].sharding.mesh  # type: ignore[reportAttributeAccessIssue]
    whole = NamedSharding(mesh, P())
    params = jax.jit(lambda tree: tree, out_shardings=whole)(params)
    return [jax.tree.map(lambda leaf, d=device: _part_on(leaf, d), params) for device in devices]


def _is_spread(leaf: jax.Array) -> bool:
    return isinstance(leaf.sharding, NamedSharding) and len(leaf.sharding.device_set) > 1


def _part_on(leaf: jax.Array, device: Device) -> jax.Array:
    return next(part.data for part in leaf.addressable_shards if part.device == device)


def in_order(
    work: Callable[[Item, Place], Made], items: Iterable[Item], places: Sequence[Place]
) -> Iterator[Made]:
    """Works on items in as many threads as there are places, each item at the next place.

    Items are taken when a place will soon be free, so that few are held at once.

    Returns:
        What is made of the items, in their order.
    """
    pairs = zip(items, itertools.cycle(places), strict=False)
    count = len(places)
    return threads.in_order(lambda pair: work(*pair), pairs, workers=count, ahead=count)
