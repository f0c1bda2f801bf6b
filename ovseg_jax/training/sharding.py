"""The device mesh, and where arrays lie on it.

`jax.jit` with `NamedSharding` is what "pjit" means today. Two axes: `data` splits the batch;
`fsdp` splits the batch too and, by path rules, the wide dimension of large weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from ovseg_jax import devices, trees
from ovseg_jax.config import MeshConfig
from ovseg_jax.configs_io import ConfigError

PARAM_RULES = (  # pattern, mesh axis of each weight dimension
    (r".*/expand/kernel", P(None, "fsdp")),
    (r".*/reduce/kernel", P("fsdp", None)),
    (r".*", P()),  # norms, biases, convolutions, heads: whole on every device
)


def make_mesh(config: MeshConfig) -> Mesh:
    """Lays all devices out as data x fsdp.

    Raises:
        ConfigError: The devices do not fill the grid.
    """
    total = len(devices.found())
    sizes = [config.data, config.fsdp]
    known = int(np.prod([size for size in sizes if size > 0]))
    if sizes.count(-1) > 1 or total % known or (-1 not in sizes and known != total):
        raise ConfigError(
            f"mesh: data={config.data} x fsdp={config.fsdp} does not fill what JAX finds here, "
            f"{devices.described()}; set one axis to -1 to take what is left"
        )
    shape = tuple(total // known if size == -1 else size for size in sizes)
    return jax.make_mesh(shape, ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2)


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Splits the leading axis over all devices."""
    return NamedSharding(mesh, P(("data", "fsdp")))


def replicated(mesh: Mesh) -> NamedSharding:
    """Keeps an array whole on every device."""
    return NamedSharding(mesh, P())


def parameter_shardings(shapes: Mapping[str, Any], mesh: Mesh) -> dict[str, Any]:
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


def _fitting(spec: P, leaf: Any, mesh: Mesh) -> P:
    pairs = zip(spec, leaf.shape, strict=False)  # a spec may name fewer axes than there are
    return P(*(None if axis and size % mesh.shape[axis] else axis for axis, size in pairs))
