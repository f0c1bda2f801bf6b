"""Which arrays lie how on the devices, as a table."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import jax

from ovseg_jax.foundation import trees
from ovseg_jax.training.report import say

MIB = 2**20


def described(params: Mapping[str, Any], moments: Any, depth: int = 2) -> list[str]:
    """Returns a line for each group of parameters that lie alike, and one for the moments.

    Args:
        params: Arrays, or shapes with shardings.
        moments: The optimizer's values, likewise.
        depth: Parts of a path that make a group.
    """
    groups = defaultdict(list)
    for path, leaf in trees.flatten(params).items():
        name = "/".join(path.split("/")[:depth])
        groups[name, _spec(leaf)].append(leaf)
    rows = [("parameters", "count", "split", "MiB", "MiB on a device")]
    rows += [
        (name, f"{len(leaves)}", spec, _mib(map(whole_bytes, leaves)), _mib(map(bytes_of, leaves)))
        for (name, spec), leaves in groups.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    form = "{:{}}  {:>{}}  {:{}}  {:>{}}  {:>{}}"
    lines = [
        form.format(*(x for pair in zip(row, widths, strict=True) for x in pair)) for row in rows
    ]
    return [*lines, f"moments: {bytes_on_a_device(moments) / MIB:,.1f} MiB on a device"]


def announce(params: Mapping[str, Any], moments: Any) -> None:
    """Prints the table at the start of a training on several devices, on the first host.

    Args:
        params: All parameters, placed.
        moments: The optimizer's values, placed.
    """
    if jax.device_count() > 1:
        for line in described(params, moments):
            say(line)


def bytes_of(leaf: Any) -> int:
    """Returns what an array, or its shape with a sharding, takes on one device."""
    return leaf.dtype.itemsize * math.prod(leaf.sharding.shard_shape(leaf.shape))


def whole_bytes(leaf: Any) -> int:
    """Returns what an array takes in all, once."""
    return leaf.dtype.itemsize * math.prod(leaf.shape)


def bytes_on_a_device(tree: Any) -> int:
    """Returns what a tree of arrays or of their shapes takes on one device."""
    return sum(map(bytes_of, jax.tree.leaves(tree)))


def _spec(leaf: Any) -> str:
    if bytes_of(leaf) == whole_bytes(leaf):
        return "whole"
    return " x ".join(str(axis) for axis in leaf.sharding.spec if axis)


def _mib(sizes: Any) -> str:
    return f"{sum(sizes) / MIB:,.1f}"
