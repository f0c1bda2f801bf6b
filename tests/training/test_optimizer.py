"""Update rules: which parameters each treats how."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ovseg_jax.config import OptimizerConfig
from ovseg_jax.training.optimizer import make_optimizer

PARAMS = {
    "block": {
        "kernel": np.full((6, 4), 0.5),
        "bias": np.ones(4),
        "convolution": np.ones((3, 3, 2, 4)),
    },
    "token_embedding": np.ones((5, 4)),
    "query_features": np.ones((5, 4)),  # looked up too, though it decays
    "logit_scale": np.ones(()),
}


def after(rule, steps=1, **options):
    """Parameters after some steps on fixed gradients."""
    options = {"peak_lr": 0.1, "schedule": "constant", "weight_decay": 0.0} | options
    config = OptimizerConfig(rule=rule, clip_norm=1e9, **options)
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), PARAMS)
    keys = iter(jax.random.split(jax.random.key(0), 8))
    gradient = jax.tree.map(lambda leaf: jax.random.normal(next(keys), leaf.shape), params)
    tx = make_optimizer(config, 10, params)
    state = tx.init(params)
    for _ in range(steps):
        updates, state = tx.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


def test_muon_makes_the_updates_of_matrices_orthogonal():
    moved = np.asarray(after("muon")["block"]["kernel"] - PARAMS["block"]["kernel"])
    values = np.linalg.svd(moved, compute_uv=False)
    assert values.min() > 0.5 * values.max()
    assert np.sqrt((moved**2).mean()) == pytest.approx(0.1 * 0.2, rel=0.3)  # rate, usual size


def test_muon_leaves_all_but_matrices_to_adamw():
    muon, adamw = after("muon", 3), after("adamw", 3)
    assert not np.allclose(muon["block"]["kernel"], adamw["block"]["kernel"])
    for params in (muon, adamw):
        del params["block"]["kernel"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), muon, adamw)


@pytest.mark.parametrize("rule", ["adamw", "muon"])
def test_only_what_decays_shrinks(rule):
    with_decay, without = after(rule, weight_decay=0.1), after(rule)
    kept = jax.tree.map(lambda a, b: bool(np.allclose(a, b)), with_decay, without)
    assert kept["block"] == {"kernel": False, "bias": True, "convolution": False}
    assert kept["token_embedding"] and kept["logit_scale"]
