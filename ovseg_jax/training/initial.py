"""Initial values from weights directories: one source, or several that each give a part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding

from ovseg_jax.config import Config
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Params
from ovseg_jax.loading.arrays import StoredArray, tell_nonfinite
from ovseg_jax.loading.finite import Nonfinite, find_nonfinite
from ovseg_jax.loading.weights import find_weights, open_weights, stored_shapes

NOWHERE = "init_from (empty)"
"""What messages call the source of parameters that have none."""


def load_initial(
    params: Params, shardings: Params, config: Config, copies: Mapping[str, str]
) -> Params:
    """Replaces freshly drawn parameters by those of `init_from` and `init_parts`.

    Mask-Adapter's second phase starts so: adapter and CLIP of the first, generator and void row of
    FC-CLIP or MAFT+, as its tools `weight_fuse_fcclip.py` and `weight_fuse_maftp.py` join them.
    Every pattern has to decide something, every source has to give something, and what it gives
    has to be exactly what the model wants of it. Each parameter goes from its file to its devices
    before the next one is read, so that no host holds a whole model.

    Args:
        params: Fresh values; they stay where a source lacks a parameter that `init_missing` names.
        shardings: Where each parameter lies.
        config: Names the sources.
        copies: See `Method.copies`; a source that holds a copy gives it.

    Raises:
        trees.TreeError: Sources, patterns and model do not fit; the message names source and path.
        ovseg_jax.loading.weights.WeightsError: A source is no weights directory.
    """
    _check_patterns(trees.flatten(params), config)
    flat, places = trees.flatten(params), trees.flatten(shardings)
    values: dict[str, Any] = {}
    for source in _sources(config):
        folder, stored = open_weights(source) if source else (Path(), {})
        part = _part_of(source, flat, config, lambda _, stored=stored: stored, copies)
        found: dict[str, Nonfinite] = {}
        for path, value in part.items():
            if isinstance(value, StoredArray):
                array = value.read()
                found |= find_nonfinite({path: array})
                part[path] = _placed(array, flat[path].dtype, places[path])
        tell_nonfinite(found, folder)
        values |= part
    originals = {path: original_of(path, copies) for path in flat}
    # Copied, as a step takes over the memory of what trains, and a copy may stand beside it.
    values |= {
        path: jax.device_put(jnp.copy(values[x]), places[path])
        for path, x in originals.items()
        if path not in values
    }
    return trees.unflatten(values)


def _placed(array: np.ndarray, dtype: Any, place: Sharding) -> jax.Array:
    """Puts an array of the host onto its devices, to each its own part."""

    def part(index: Any) -> np.ndarray:
        return np.array(array[index], dtype)

    return jax.make_array_from_callback(array.shape, place, part)


def with_copies(params: Params, copies: Mapping[str, str]) -> Params:
    """Lets parameters that are copies of others begin so.

    Args:
        params: All parameters of a model.
        copies: See `Method.copies`.
    """
    flat = trees.flatten(params)
    originals = {path: original_of(path, copies) for path in flat}
    return trees.unflatten(flat | {path: jnp.copy(flat[x]) for path, x in originals.items() if x})


def original_of(path: str, copies: Mapping[str, str]) -> str:
    """Returns the parameter that another one begins as a copy of; empty where of none."""
    parts = ((original, path.removeprefix(f"{copy}/")) for copy, original in copies.items())
    return next((f"{original}/{rest}" for original, rest in parts if rest != path), "")


def check_initial(shapes: Params, config: Config, copies: Mapping[str, str]) -> None:
    """Compares what the sources hold with the model, by names and shapes alone.

    Args:
        shapes: Of all parameters of the model.
        config: Names the sources.
        copies: See `Method.copies`.

    Raises:
        trees.TreeError: See `load_initial`.
        ovseg_jax.loading.weights.WeightsError: A source is no weights directory.
    """
    _check_patterns(trees.flatten(shapes), config)
    for source in _sources(config):
        _part_of(source, trees.flatten(shapes), config, stored_shapes, copies)


def check_places(config: Config) -> None:
    """Looks whether every source is a weights directory; needs no model to compare it with.

    Raises:
        ovseg_jax.loading.weights.WeightsError: One is not.
    """
    for source in filter(None, _sources(config)):
        find_weights(source)


def source_of(path: str, config: Config) -> str:
    """Returns the source of a parameter: that of the first pattern, else `init_from`."""
    matching = (pair for pair in config.init_parts if trees.first_match(path, pair[:1]))
    return next(matching, ("", config.init_from))[1]


def _check_patterns(wanted: Mapping[str, Any], config: Config) -> None:
    """Refuses patterns of `init_parts` that no parameter of the model is left for."""
    patterns = [pattern for pattern, _ in config.init_parts]
    deciding = {trees.first_match(path, patterns) for path in wanted}
    if idle := [pair for pair in config.init_parts if pair[0] not in deciding]:
        lines = [f"{pattern!r}, to be taken from {source}" for pattern, source in idle]
        raise trees.TreeError(trees.listing("init_parts decide no parameter of the model", lines))


def _sources(config: Config) -> list[str]:
    return list(dict.fromkeys((config.init_from, *(place for _, place in config.init_parts))))


def _part_of(
    source: str,
    wanted: Mapping[str, Any],
    config: Config,
    read: Callable[[str], Mapping[str, Any]],
    copies: Mapping[str, str],
) -> dict[str, Any]:
    """Returns {path: what `read` returns} of the parameters that belong to a source.

    Copies that the source does not hold are left out.
    """
    loaded = read(source) if source else {}
    given = {path: value for path, value in loaded.items() if source_of(path, config) == source}
    expected = {
        path: leaf
        for path, leaf in wanted.items()
        if source_of(path, config) == source and (path in given or not original_of(path, copies))
    }
    if source and not given.keys() & expected.keys():
        raise trees.TreeError(f"{source} gives no parameter of the model: leave it out")
    fresh = {
        path: leaf
        for path, leaf in expected.items()
        if path not in given and trees.first_match(path, config.init_missing)
    }
    where = source or NOWHERE
    trees.compare(trees.unflatten(fresh | given), trees.unflatten(expected), where)
    return fresh | given
