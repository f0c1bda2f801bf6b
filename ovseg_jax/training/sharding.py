"""The device mesh, and where arrays lie on it.

`jax.jit` with `NamedSharding` is what "pjit" means today. Three axes: `data` splits the batch;
`fsdp` splits the batch too and, by path rules, one dimension of large weights; devices along
`masks` hold the same pictures and share their masks out (`ops.placement`).
"""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from ovseg_jax.config import MeshConfig
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation import devices, trees
from ovseg_jax.foundation.errors import counted
from ovseg_jax.ops.placement import MASKS

PICTURES = ("data", "fsdp")
"""Axes over which a batch is split."""
AXES = (*PICTURES, MASKS)
AUTO = (AxisType.Auto,) * len(AXES)
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
    """Lays all devices out; see `mesh_of`."""
    return mesh_of(config, devices.found(), devices.described())


def mesh_of(config: MeshConfig, found: Sequence[Any], described: str) -> Mesh:
    """Lays devices out as data x fsdp x masks; `data` crosses the slices, if there are several.

    Args:
        config: The sides as configured.
        found: Devices, which need not be here.
        described: What a message calls them.

    Raises:
        ConfigError: The devices do not fill the grid, or `masks` would leave a host.
    """
    shape = mesh_shape(config, len(found), described)
    slices = len({getattr(device, "slice_index", 0) for device in found})
    return Mesh(_grid(shape, slices, found), AXES, axis_types=AUTO)


def mesh_shape(config: MeshConfig, total: int, described: str) -> tuple[int, int, int]:
    """Returns the sides of the grid.

    Args:
        config: The sides as configured; -1 takes what is left.
        total: Devices.
        described: What the message calls them.

    Raises:
        ConfigError: A side is no number of devices, or the devices do not fill the grid.
    """
    sizes = [config.data, config.fsdp, config.masks]
    if config.masks < 1 or any(size < 1 and size != -1 for size in sizes):
        raise ConfigError(
            f"mesh: {_sides(sizes)}; give 1 or more, for data or fsdp -1 to take what is left"
        )
    known = math.prod(size for size in sizes if size > 0)
    if sizes.count(-1) > 1 or total % known or (-1 not in sizes and known != total):
        raise ConfigError(
            f"mesh: {_sides(sizes)} does not fill {described}; "
            + (
                f"the others have to divide {total}"
                if -1 in sizes
                else "set one axis to -1 to take what is left"
            )
        )
    data, fsdp, masks = (total // known if size == -1 else size for size in sizes)
    return data, fsdp, masks


def picture_groups(mesh: AnyMesh) -> int:
    """Returns over how many groups of devices a batch is split; those of a group share masks."""
    return math.prod(mesh.shape[axis] for axis in PICTURES)


def _sides(sizes: Sequence[int]) -> str:
    """The grid as messages write it; `masks` only where it divides anything."""
    named = [f"{axis}={size}" for axis, size in zip(AXES, sizes, strict=True)]
    return " x ".join(named if sizes[-1] != 1 else named[:-1])


def _grid(shape: tuple[int, int, int], slices: int, found: Sequence[Any]) -> np.ndarray:
    """Devices in the order in which neighbours of the mesh are neighbours of the network.

    Raises:
        ConfigError: No axis can cross the slow network between slices, or `masks` leaves a host.
    """
    if shape[2] > 1:
        return _hosts_own_grid(shape, found)
    if slices == 1:
        return mesh_utils.create_device_mesh(shape, found, allow_split_physical_axes=True)
    if shape[0] % slices and shape[1] % slices:
        raise ConfigError(
            f"mesh: {_sides(shape)}, but the devices are of {slices} slices that a slow network "
            "joins: one of the axes has to be a multiple of that"
        )
    outer = (slices, 1, 1) if shape[0] % slices == 0 else (1, slices, 1)
    inner = (shape[0] // outer[0], shape[1] // outer[1], 1)
    return mesh_utils.create_hybrid_device_mesh(inner, outer, found, allow_split_physical_axes=True)


def _hosts_own_grid(shape: tuple[int, int, int], found: Sequence[Any]) -> np.ndarray:
    """Devices host by host, so that those along `masks` are of one: it reads their pictures once.

    Raises:
        ConfigError: A host has no whole group of them.
    """
    own = min(collections.Counter(device.process_index for device in found).values())
    if own % shape[2]:
        raise ConfigError(
            f"mesh.masks is {shape[2]}, but a host has {counted(own, 'device')}: devices that hold "
            "the same pictures have to be of one host; give a divisor"
        )
    order = sorted(found, key=lambda x: (getattr(x, "slice_index", 0) or 0, x.process_index, x.id))
    return np.array(order).reshape(shape)


def batch_sharding(mesh: AnyMesh) -> NamedSharding:
    """Splits the leading axis over all devices, but for those that share masks out."""
    return NamedSharding(mesh, P(PICTURES))


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
