"""The grid of devices, also of several slices, and how weights and moments are split over it."""

import types

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AbstractMesh, NamedSharding
from jax.sharding import PartitionSpec as P

from ovseg_jax.config import MeshConfig
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation import devices
from ovseg_jax.training import sharding

MESH = AbstractMesh((2, 4, 1), sharding.AXES)


def slices(number, each):
    """Stand-ins for the devices of several slices."""
    return [
        types.SimpleNamespace(
            id=at, slice_index=at // each, process_index=at, platform="cpu", device_kind="cpu"
        )
        for at in range(number * each)
    ]


@pytest.mark.parametrize(("shape", "split"), [((4, 2, 1), 0), ((8, 1, 1), 0), ((1, 8, 1), 1)])
def test_one_axis_crosses_the_slow_network_and_the_other_stays_inside(shape, split):
    grid = sharding._grid(shape, 2, slices(2, 4))
    assert grid.shape == shape
    parts = jnp.array([[device.slice_index for device in row] for row in grid[..., 0]])
    other = parts if split == 0 else parts.T
    assert (other.min(1) == other.max(1)).all(), "neighbours along the other axis share a slice"
    assert {int(x) for x in parts.reshape(-1)} == {0, 1}


def test_slices_that_no_axis_can_be_divided_by_are_refused():
    with pytest.raises(ConfigError, match="data=3 x fsdp=1.* of 2 slices"):
        sharding._grid((3, 1, 1), 2, slices(3, 1))


def hosts(number, each):
    """Stand-ins for devices in the order of a torus, which goes from host to host."""
    found = [
        types.SimpleNamespace(
            id=at, process_index=at // each, platform="cpu", device_kind="cpu", slice_index=0
        )
        for at in range(number * each)
    ]
    return sorted(found, key=lambda device: device.id % each)


def test_devices_that_share_masks_out_are_of_one_host():
    grid = sharding._grid((2, 2, 2), 1, hosts(2, 4))
    for group in grid.reshape(4, 2):
        assert len({device.process_index for device in group}) == 1
    rows = [device.process_index for device in grid[..., 0].reshape(-1)]
    assert rows == [0, 0, 1, 1], "each host reads the pictures that follow each other"
    with pytest.raises(ConfigError, match="mesh.masks is 8, but a host has 4 devices"):
        sharding._grid((1, 1, 8), 1, hosts(2, 4))


def test_devices_that_do_not_fill_the_grid_are_refused():
    total = len(devices.found())
    with pytest.raises(ConfigError, match="does not fill what JAX finds here"):
        sharding.make_mesh(MeshConfig(data=total + 1))
    with pytest.raises(ConfigError, match="data=1 x fsdp=1 x masks=100 does not fill"):
        sharding.make_mesh(MeshConfig(data=1, masks=100))


def spec_of(path, *shape):
    place = sharding.parameter_shardings(
        {
            "a": {"expand": {"kernel": leaf(8, 8)}, "reduce": {"kernel": leaf(8, 8)}},
            "other": {path: leaf(*shape)},
        },
        MESH,
    )
    return place["other"][path].spec


def leaf(*shape, spec=None):
    return jax.ShapeDtypeStruct(shape, jnp.float32, sharding=NamedSharding(MESH, spec or P()))


def test_large_weights_of_every_kind_are_split_and_small_ones_stay_whole():
    assert spec_of("query", 1024, 1024) == P("fsdp", None)
    assert spec_of("token_embedding", 49408, 768) == P("fsdp", None)
    assert spec_of("patch", 7, 7, 30, 1024) == P(None, None, None, "fsdp")
    assert spec_of("odd", 1023, 1025) == P()
    assert spec_of("bias", 1024) == P()


def test_moments_are_spread_over_what_their_parameter_is_not_split_by():
    assert sharding.spread(leaf(1024, 512), MESH).spec == P(("data", "fsdp"), None)
    split = leaf(1024, 512, spec=P("fsdp", None))
    assert sharding.spread(split, MESH).spec == P("fsdp", "data")
    small = leaf(16)
    assert sharding.spread(small, MESH) is small.sharding
    odd = leaf(1023, 1025)
    assert sharding.spread(odd, MESH) is odd.sharding
