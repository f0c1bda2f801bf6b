"""A map applied to chosen cells alone equals the map applied to all, where it was chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.ops.chosen import map_chosen

X = jax.random.normal(jax.random.key(0), (3, 5, 7, 4))
Y = jax.random.normal(jax.random.key(1), (3, 5, 7, 2))
ELSEWHERE = jnp.full((1, 5, 7, 2), 9.0)


def combine(x, y):
    return x[:, :2] * y + x[:, 2:]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4, 1.0])
@pytest.mark.parametrize("tile", [1, 8, 105, 1000])
def test_chosen_cells_are_computed_and_others_taken(share, tile):
    chosen = jnp.asarray(np.random.default_rng(2).random((3, 5, 7)) < share)
    found = jax.jit(lambda x, y, c: map_chosen(combine, (x, y), c, ELSEWHERE, tile))(X, Y, chosen)
    wanted = jnp.where(chosen[..., None], X[..., :2] * Y + X[..., 2:], 9.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_the_time_follows_the_number_of_chosen_cells():
    calls = []

    def counted(x):
        jax.debug.callback(calls.append, x.shape[0])
        return x

    for count, tiles in ((0, 0), (1, 1), (10, 1), (11, 2), (105, 11)):
        calls.clear()
        chosen = (jnp.arange(105) < count).reshape(3, 5, 7)
        jax.block_until_ready(map_chosen(counted, (X,), chosen, X, tile=10))
        jax.effects_barrier()
        assert calls == [10] * tiles


def test_a_tile_holds_at_least_a_cell():
    with pytest.raises(OperandError, match="tile=0"):
        map_chosen(combine, (X, Y), jnp.ones((3, 5, 7), bool), ELSEWHERE, 0)
