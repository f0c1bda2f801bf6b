"""Position embeddings of another grid: each way is that of the code base it is named for."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import zoom

from ovseg_jax.ops.attention.positions import WAYS, resample_positions

OLD = (6, 6)
GRIDS = [(9, 9), (4, 4), (3, 11), (13, 2)]
TORCH = {
    "bicubic_antialias": {"mode": "bicubic", "antialias": True, "align_corners": False},
    "bicubic_aligned": {"mode": "bicubic", "align_corners": True},
    "bicubic": {"mode": "bicubic", "align_corners": False},
    "bilinear": {"mode": "bilinear", "align_corners": False},
    "bilinear_aligned": {"mode": "bilinear", "align_corners": True},
}


def table(channels=5):
    values = np.random.default_rng(0).normal(size=(OLD[0] * OLD[1], channels))
    return jnp.asarray(values, jnp.float32)


def test_every_way_has_a_test():
    assert TORCH.keys() == WAYS.keys()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("grid", GRIDS)
def test_is_the_interpolation_of_torch(way, grid):
    torch = pytest.importorskip("torch")
    planar = torch.tensor(np.asarray(table())).T.reshape(1, -1, *OLD)
    expected = torch.nn.functional.interpolate(planar, grid, **TORCH[way])[0].flatten(1).T
    found = resample_positions(table(), OLD, grid, way)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("grid", GRIDS)
def test_big_vision_uses_zoom_of_order_one(grid):
    maps = np.asarray(table()).reshape(*OLD, -1)
    expected = zoom(maps, (grid[0] / OLD[0], grid[1] / OLD[1], 1), order=1)
    found = resample_positions(table(), OLD, grid, "bilinear_aligned")
    np.testing.assert_allclose(found, expected.reshape(grid[0] * grid[1], -1), atol=1e-5)


def test_the_ways_differ_by_more_than_rounding():
    found = [np.asarray(resample_positions(table(), OLD, (9, 4), way)) for way in WAYS]
    for i, one in enumerate(found):
        assert all(np.abs(one - other).max() > 1e-2 for other in found[:i])


@pytest.mark.parametrize("way", WAYS)
def test_the_grid_of_training_is_left_alone(way):
    assert resample_positions(table(), OLD, OLD, way) is not None
    np.testing.assert_array_equal(resample_positions(table(), OLD, OLD, way), table())


def test_rows_and_columns_are_not_mixed_up():
    """A table that depends on the row alone stays so, also on a grid that is not square."""
    rows = jnp.repeat(jnp.arange(6.0), 6)[:, None]
    found = resample_positions(rows, OLD, (4, 9), "bilinear").reshape(4, 9)
    assert np.ptp(found, axis=1).max() < 1e-6 and np.all(np.diff(found[:, 0]) > 0)


def test_low_precision_is_resampled_in_float32():
    low = table().astype(jnp.bfloat16)
    found = resample_positions(low, OLD, (9, 5), "bicubic")
    wide = resample_positions(low.astype(jnp.float32), OLD, (9, 5), "bicubic")
    assert found.dtype == jnp.bfloat16
    np.testing.assert_array_equal(found, wide.astype(jnp.bfloat16))


def test_unknown_ways_and_tables_of_another_grid_are_named():
    with pytest.raises(ValueError, match="'lanczos' is unknown; choose one of bicubic_antialias"):
        resample_positions(table(), OLD, (3, 3), "lanczos")
    with pytest.raises(ValueError, match=r"36 position embeddings are not a grid of \(5, 7\)"):
        resample_positions(table(), (5, 7), (3, 3), "bilinear")
