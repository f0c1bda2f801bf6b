"""The jitted assignment against scipy's, on random, tied and extreme costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from ovseg_jax.ops.matching.assignment import LARGEST_COST, assign

RNG = np.random.default_rng(0)
quick = jax.jit(assign)


def total(costs, rows):
    columns = np.flatnonzero(np.asarray(rows) >= 0)
    return costs[np.asarray(rows)[columns], columns].sum()


COSTS = {
    "random": RNG.standard_normal((12, 12)),
    "more queries": RNG.standard_normal((30, 8)),
    "one truth": RNG.standard_normal((20, 1)),
    "tied": RNG.integers(0, 3, (15, 10)).astype(float),
    "constant": np.full((9, 6), 2.5),
    "zero": np.zeros((7, 7)),
    "wide range": 10.0 ** RNG.uniform(-4, 4, (14, 11)) * RNG.choice([-1, 1], (14, 11)),
}


@pytest.mark.parametrize("name", COSTS)
def test_the_sum_is_the_smallest(name):
    costs = COSTS[name]
    rows = quick(jnp.asarray(costs, jnp.float32)[None], jnp.ones((1, costs.shape[1]), bool))[0]
    assert len(set(np.asarray(rows).tolist())) == costs.shape[1]
    best = costs[linear_sum_assignment(costs)].sum()
    np.testing.assert_allclose(total(costs, rows), best, rtol=1e-5, atol=1e-5)


def test_columns_that_are_not_valid_change_nothing():
    costs = RNG.standard_normal((2, 10, 6))
    valid = np.array([[1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]], bool)
    costs[:, :, ~valid[0]] = np.nan
    rows = np.asarray(quick(jnp.asarray(costs, jnp.float32), jnp.asarray(valid)))
    assert (rows[~valid] == -1).all()
    own = costs[0][:, valid[0]]
    assert rows[0, valid[0]].tolist() == linear_sum_assignment(own.T)[1].tolist()


def test_costs_that_are_not_finite_are_avoided():
    costs = np.array([[np.inf, 1.0], [2.0, np.nan], [5.0, 5.0]])
    rows = quick(jnp.asarray(costs, jnp.float32)[None], jnp.ones((1, 2), bool))
    assert rows[0].tolist() == [1, 0]
    huge = jnp.full((1, 3, 2), -np.inf)
    assert sorted(quick(huge, jnp.ones((1, 2), bool))[0].tolist()) in ([0, 1], [0, 2], [1, 2])
    assert LARGEST_COST > 0


def test_more_truth_than_queries_is_refused():
    with pytest.raises(ValueError, match="5 ground-truth slots .* 4 queries"):
        assign(jnp.zeros((1, 4, 5)), jnp.ones((1, 5), bool))
