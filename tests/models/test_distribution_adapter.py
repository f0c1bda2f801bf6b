"""The Distribution Adapter's form for CPUs is the convolutions themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.models.fisa import distribution_adapter
from ovseg_jax.models.fisa.distribution_adapter import DistributionAdapter, by_hidden_channel


@pytest.fixture(scope="module")
def case():
    """An adapter with random parameters, and masks that are not square."""
    rng = np.random.default_rng(0)
    adapter, masks = (
        DistributionAdapter(2, 3),
        jnp.asarray(rng.normal(size=(2, 3, 5, 7)), "float32"),
    )
    shapes = jax.eval_shape(adapter.init, jax.random.key(0), masks)
    draw = lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32)  # noqa: E731
    return adapter, jax.tree.map(draw, shapes), masks


def test_channel_by_channel_is_the_same_in_value_and_gradient(case, monkeypatch):
    adapter, variables, masks = case

    def total(variables, masks):
        refined = adapter.apply(variables, masks)
        return jnp.sum(jnp.sin(refined)), refined

    differentiate = jax.value_and_grad(total, (0, 1), has_aux=True)
    shifted = differentiate(variables, masks)
    monkeypatch.setattr(distribution_adapter.jax, "default_backend", lambda: "gpu")
    wanted = differentiate(variables, masks)
    for found, want in zip(jax.tree.leaves(shifted), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4)


def test_borders_see_zeros(case):
    _, variables, _ = case
    params = variables["params"]
    change = by_hidden_channel(jnp.zeros((1, 1, 4, 4)), params["conv0"], params["conv1"], "float32")
    hidden = np.maximum(params["conv0"]["bias"], 0)
    taps = params["conv1"]["kernel"][..., 0] @ hidden
    bias = params["conv1"]["bias"][0]
    np.testing.assert_allclose(change[0, 0, 1, 2], taps.sum() + bias, rtol=1e-5)
    np.testing.assert_allclose(change[0, 0, 0, 0], taps[1:, 1:].sum() + bias, rtol=1e-5)
