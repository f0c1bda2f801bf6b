"""The device mesh, and where arrays lie on it.

`jax.jit` with `NamedSharding` is what "pjit" means today. Two axes: `data` splits the batch;
`fsdp` splits the batch too and, by path rules, one dimension of large weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from ovseg_jax import devices, trees
from ovseg_jax.config import MeshConfig
from ovseg_jax.configs_io import ConfigError

AXES = ("data", "fsdp")
AnyMesh = Mesh | AbstractMesh
"""Devices, or a grid of as many that need not be here."""
LARGE = P("largest axis of a large weight")
"""Stands for a spec that depends on the shape: see `_largest_split`."""
LARGE_SIZE = 2**18
"""Scalars from which on a weight is worth splitting: 1 MiB in float32, whose gathering takes longer
than the message itself is delayed."""

PARAM_RULES = (  # pattern, mesh axis of each weight dimension
    (r".*/expand/kernel", P(None, "fsdp")),
    (r".*/reduce/kernel", P("fsdp", None)),
    (r".*", LARGE),  # attention, text tower, embeddings, heads; norms and biases stay whole
)


def make_mesh(config: MeshConfig) -> Mesh:
    """Lays all devices out as data x fsdp; where they are of several slices, `data` crosses them.

    Raises:
        ConfigError: The devices do not fill the grid.
    """
    found = devices.found()
    shape = mesh_shape(config, len(found), devices.described())
    slices = len({getattr(device, "slice_index", 0) for device in found})
    return Mesh(_grid(shape, slices, found), AXES, axis_types=(AxisType.Auto,) * 2)


def mesh_shape(config: MeshConfig, total: int, described: str) -> tuple[int, int]:
    """Returns the sides of the grid.

    Args:
        config: The sides as configured; -1 takes what is left.
        total: Devices.
        described: What the message calls them.

    Raises:
        ConfigError: The devices do not fill the grid.
    """
    sizes = [config.data, config.fsdp]
    known = int(np.prod([size for size in sizes if size > 0]))
    if sizes.count(-1) > 1 or total % known or (-1 not in sizes and known != total):
        raise ConfigError(
            f"mesh: data={config.data} x fsdp={config.fsdp} does not fill what JAX finds here, "
            f"{described}; set one axis to -1 to take what is left"
        )
    data, fsdp = (total // known if size == -1 else size for size in sizes)
    return data, fsdp


def _grid(shape: tuple[int, int], slices: int, found: list[Any]) -> np.ndarray:
    """Devices in the order in which neighbours of the mesh are neighbours of the network.

    Raises:
        ConfigError: No axis can cross the slow network between slices.
    """
    if slices == 1:
        return mesh_utils.create_device_mesh(shape, found, allow_split_physical_axes=True)
    if shape[0] % slices and shape[1] % slices:
        raise ConfigError(
            f"mesh: data={shape[0]} x fsdp={shape[1]}, but the devices are of {slices} slices that "
            "a slow network joins: one of the axes has to be a multiple of that"
        )
    outer = (slices, 1) if shape[0] % slices == 0 else (1, slices)
    inner = (shape[0] // outer[0], shape[1] // outer[1])
    return mesh_utils.create_hybrid_device_mesh(inner, outer, found, allow_split_physical_axes=True)


def batch_sharding(mesh: AnyMesh) -> NamedSharding:
    """Splits the leading axis over all devices."""
    return NamedSharding(mesh, P(("data", "fsdp")))


def replicated(mesh: AnyMesh) -> NamedSharding:
    """Keeps an array whole on every device."""
    return NamedSharding(mesh, P())


def parameter_shardings(shapes: Mapping[str, Any], mesh: AnyMesh) -> dict[str, Any]:
    """Gives every parameter its sharding by the first rule that matches its path.

    A dimension that the axis does not divide stays whole.

    Args:
        shapes: Tree of arrays or shapes.
        mesh: The device mesh.

    Raises:
        trees.TreeError: A parameter is covered by no rule, or a rule decides nothing.
    """
    flat = trees.flatten(shapes)
    specs = trees.match(shapes, PARAM_RULES) if flat else {}
    return trees.unflatten(
        {path: NamedSharding(mesh, _fitting(specs[path], flat[path], mesh)) for path in flat}
    )


def gathered(tree: Mapping[str, Any]) -> Any:
    """Brings whole arrays to every host, for writing them in one piece."""
    if jax.process_count() == 1:
        return tree
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(tree, tiled=True)


def spread(leaf: Any, mesh: AnyMesh) -> NamedSharding:
    """Splits an array over all devices, beyond what its own sharding splits, where it divides.

    For moments (stage 1 of ZeRO, arXiv 1910.02054): each device then updates its part of every
    parameter, and the parts are gathered.

    Args:
        leaf: A parameter, or its shape with a sharding.
        mesh: The device mesh.
    """
    spec: list[Any] = [None] * len(leaf.shape)
    spec[: len(leaf.sharding.spec)] = leaf.sharding.spec
    if math.prod(leaf.shape) < LARGE_SIZE // 16:
        return leaf.sharding
    free = tuple(axis for axis in AXES if axis not in spec and mesh.shape[axis] > 1)
    parts = math.prod(mesh.shape[axis] for axis in free)
    sides = [side if spec[at] is None else 0 for at, side in enumerate(leaf.shape)]
    fitting = [at for at, side in enumerate(sides) if side and side % parts == 0]
    if not free or not fitting:
        return leaf.sharding
    spec[max(fitting, key=sides.__getitem__)] = free if len(free) > 1 else next(iter(free))
    return NamedSharding(mesh, P(*spec))


def _fitting(spec: P, leaf: Any, mesh: AnyMesh) -> P:
    if spec is LARGE:
        return _largest_split(leaf.shape, mesh.shape["fsdp"])
    pairs = zip(spec, leaf.shape, strict=False)  # a spec may name fewer axes than there are
    return P(*(None if axis and size % mesh.shape[axis] else axis for axis, size in pairs))


def _largest_split(shape: Sequence[int], parts: int) -> P:
    """Splits the largest axis that divides; small arrays stay whole."""
    fitting = [at for at, side in enumerate(shape) if side % parts == 0]
    if parts == 1 or math.prod(shape) < LARGE_SIZE or not fitting:
        return P()
    chosen = max(fitting, key=shape.__getitem__)
    return P(*("fsdp" if at == chosen else None for at in range(len(shape))))
