"""The Distribution Adapter's form for CPUs is the convolutions themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.models.fisa import distribution_adapter
from ovseg_jax.models.fisa.distribution_adapter import (
    DistributionAdapter,
    refine_by_convolutions,
    refine_by_products,
)


def random_like(tree):
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32), tree)


def assert_both_forms_agree(adapter, masks, loss):
    """Products, as on a CPU, and convolutions: results, and gradients of weights and masks."""
    variables = random_like(jax.eval_shape(adapter.init, jax.random.key(0), masks))

    def total(variables, masks, refine):
        refined = refine(variables, masks)
        return loss(refined), refined

    def convolved(variables, masks):
        layers = variables["params"].values()
        return refine_by_convolutions(masks, list(layers))

    differentiate = jax.value_and_grad(total, (0, 1), has_aux=True)
    products = differentiate(variables, masks, adapter.apply)
    wanted = differentiate(variables, masks, convolved)
    for found, want in zip(jax.tree.leaves(products), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("band", [64, 4, 9])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_products_are_the_convolutions_in_value_and_gradient(layers, band, monkeypatch):
    """In one band, in bands of one row, in bands of nine."""
    monkeypatch.setattr(distribution_adapter, "BAND", band)
    height = {64: 5, 4: 5, 9: 27}[band]
    masks = random_like(jax.ShapeDtypeStruct((2, 3, height, 7), jnp.float32))
    adapter = DistributionAdapter(layers, 4)
    assert_both_forms_agree(adapter, masks, lambda refined: jnp.sum(refined**2) / 100)


def test_borders_see_zeros():
    kernels = [(3, 3, 1, 4), (3, 3, 4, 1)]
    first, last = random_like(
        [{"kernel": np.empty(shape), "bias": np.empty(shape[-1])} for shape in kernels]
    )
    change = refine_by_products(jnp.zeros((1, 1, 4, 4)), [first, last])
    taps = last["kernel"][..., 0] @ np.maximum(first["bias"], 0)
    inside, corner = (part.sum() + last["bias"][0] for part in (taps, taps[1:, 1:]))
    np.testing.assert_allclose(change[0, 0, 1, 2], inside, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(change[0, 0, 0, 0], corner, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("band", [6, 12, 48])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_bands_of_equal_rows_are_computed_once_and_differentiated_whole(layers, band, monkeypatch):
    """Hard masks: some bands hold an edge, some are all of one kind, some of equal rows."""
    monkeypatch.setattr(distribution_adapter, "BAND", band)
    masks = np.full((1, 2, 48, 20), -6, np.float32)
    masks[0, 0, 18:22, 5:9] = 6
    masks[0, 1, :, 10:] = 6
    weights = random_like(jax.ShapeDtypeStruct(masks.shape, jnp.float32))
    adapter = DistributionAdapter(layers, 4)
    assert_both_forms_agree(adapter, masks, lambda refined: jnp.sum(refined * weights))
