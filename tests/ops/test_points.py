"""Masks read at points: torch's convention, ids without masks, uncertain points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.masks.of_ids import NO_ID, masks_of_ids
from ovseg_jax.ops.masks.points import sample_points, sample_segments, uncertain_points

RNG = np.random.default_rng(0)


def test_torch_reads_the_same():
    torch = pytest.importorskip("torch")
    maps = RNG.standard_normal((3, 5, 7)).astype(np.float32)
    points = RNG.uniform(-0.1, 1.1, (3, 20, 2)).astype(np.float32)
    grid = torch.tensor(2 * points - 1)[:, None]
    want = torch.nn.functional.grid_sample(torch.tensor(maps)[:, None], grid, align_corners=False)
    found = sample_points(jnp.asarray(maps), jnp.asarray(points))
    np.testing.assert_allclose(found, want[:, 0, 0], atol=1e-5)


def test_ids_are_read_as_their_masks_would_be():
    ids = jnp.asarray(RNG.integers(0, 4, (2, 6, 9)), jnp.int32)
    wanted = jnp.array([[1, 3, NO_ID], [2, NO_ID, NO_ID]])
    points = jnp.asarray(RNG.uniform(-0.05, 1.05, (2, 3, 30, 2)), jnp.float32)
    masks = masks_of_ids(ids, wanted).astype(jnp.float32)
    found = sample_segments(ids, wanted, points)
    np.testing.assert_allclose(found, sample_points(masks, points), atol=1e-6)
    assert (found[0, 2] == 0).all() and (found[0, 0] > 0).any()


def test_most_points_lie_where_the_mask_is_least_certain():
    x = jnp.linspace(-20, 20, 64)
    logits = jnp.broadcast_to(x, (2, 64, 64))  # the border runs down the middle
    points = uncertain_points(jax.random.key(0), logits, 200, 3.0, 0.75)
    assert points.shape == (2, 200, 2)
    distance = np.abs(np.asarray(points[..., 0]) - 0.5)
    assert distance[:, :150].max() < 0.2 < distance[:, 150:].max()


def test_without_importance_points_are_uniform():
    points = uncertain_points(jax.random.key(1), jnp.ones((1, 4, 4)), 4000, 3.0, 0.0)
    np.testing.assert_allclose(points.mean((0, 1)), 0.5, atol=0.03)
    np.testing.assert_allclose(points.std((0, 1)), 12**-0.5, atol=0.03)
