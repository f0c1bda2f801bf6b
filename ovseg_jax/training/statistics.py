"""Running statistics of batch normalisation, which follow the data instead of a gradient.

They are parameters like all others (`mean` and `variance`), so that they are converted, saved and
restored with them. Where an experiment lists them as trainable, its tower normalises by the batch
while it trains, and each step moves them towards what the batch showed; answers use the stored
ones. Elsewhere towers normalise by the stored ones at all times. Matches `BatchNorm2d` of torch,
whose momentum is 0.1, and over several devices `SyncBatchNorm`: the batch is the global one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovseg_jax.foundation import trees

COLLECTION = "statistics"
"""Modules report what they measured in this collection of Flax, while it is mutable."""
MOMENTUM = 0.1
PATTERN = r".*/(mean|variance)"


def watched(trainable: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the collections that a step makes mutable: none, or the statistics."""
    follows = any(trees.first_match(path, (PATTERN,)) for path in trees.flatten(trainable))
    return (COLLECTION,) if follows else ()


def follow(
    updated: Mapping[str, Any], before: Mapping[str, Any], collections: Mapping[str, Any]
) -> dict[str, Any]:
    """Moves running statistics towards those of a batch.

    Args:
        updated: Trainable parameters after the optimizer, whose say over statistics is ignored.
        before: Trainable parameters before it.
        collections: What `apply` handed back beside the loss.

    Returns:
        The trainable parameters. Statistics that the batch did not touch stay as they were before.
    """
    measured = trees.flatten(collections.get(COLLECTION, {}))
    old, new = trees.flatten(before), dict(trees.flatten(updated))
    for path in [path for path in old if trees.first_match(path, (PATTERN,))]:
        found = measured.get(path, old[path])
        new[path] = (old[path] * (1 - MOMENTUM) + found * MOMENTUM).astype(old[path].dtype)
    return trees.unflatten(new)
