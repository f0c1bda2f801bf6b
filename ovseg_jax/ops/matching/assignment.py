"""Optimal one-to-one assignment of queries to ground truth, inside jit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int
from optax.assignment import hungarian_algorithm

from ovseg_jax.foundation.errors import OperandError

LARGEST_COST = 1e6
"""Stands for costs that are not finite, and bounds all others."""


def assign(costs: Float[Array, "b q n"], valid: Bool[Array, "b n"]) -> Int[Array, "b n"]:
    """Gives every valid column a row of its own so that the sum of costs is smallest.

    The Hungarian algorithm is optax's; columns that are not valid cost the same everywhere, so
    they take whatever rows are left.

    Args:
        costs: Of giving row (query) i to column (ground truth) j.
        valid: Columns that want a row.

    Returns:
        Row of each column; -1 where the column is not valid.

    Raises:
        OperandError: There are more columns than rows.
    """
    if costs.shape[2] > costs.shape[1]:
        raise OperandError(
            f"{costs.shape[2]} ground-truth slots cannot each have one of {costs.shape[1]} queries"
        )
    bounded = jnp.nan_to_num(
        costs.astype(jnp.float32), nan=LARGEST_COST, posinf=LARGEST_COST, neginf=-LARGEST_COST
    )
    bounded = jnp.clip(bounded, -LARGEST_COST, LARGEST_COST)
    rows = jax.vmap(_rows)(jnp.where(valid[:, None], bounded, 0.0))
    return jnp.where(valid, rows, -1)


def _rows(costs: Float[Array, "q n"]) -> Int[Array, " n"]:
    columns, rows = hungarian_algorithm(costs.T)
    return jnp.zeros(costs.shape[1], jnp.int32).at[columns].set(rows.astype(jnp.int32))
