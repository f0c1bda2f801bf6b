"""Layer normalisation must equal its textbook form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.norm import layer_norm


def plain(x, scale, bias, eps):
    mean, variance = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + eps) * scale + bias


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(2.0, 3.0, shape), jnp.float32)


@pytest.mark.parametrize("shape", [(2, 3, 4, 16), (7,)])
def test_equals_the_plain_form_in_value_and_gradient(shape):
    x, scale, bias = draw(*shape), draw(shape[-1], seed=1), draw(shape[-1], seed=2)
    weigh = draw(*shape, seed=3)
    np.testing.assert_allclose(
        layer_norm(x, scale, bias, 1e-6), plain(x, scale, bias, 1e-6), rtol=1e-5, atol=1e-5
    )
    gradients, expected = (
        jax.jit(jax.grad(lambda *a, f=f: jnp.sum(weigh * f(*a, 1e-6)), (0, 1, 2)))(x, scale, bias)
        for f in (layer_norm, plain)
    )
    for got, want in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_both_ways_to_take_a_mean_agree():
    x = draw(3, 5, 96)
    product, total = (layer_norm(x, form=form) for form in ("product", "sum"))
    np.testing.assert_allclose(product, total, atol=1e-5)
    np.testing.assert_array_equal(layer_norm(x), product if on_cpu() else total)
    with pytest.raises(ValueError, match="form='x' is unknown; choose one of product, sum"):
        layer_norm(x, form="x")


def on_cpu():
    return jax.default_backend() == "cpu"


def test_without_scale_and_bias_the_result_is_standardised():
    x = draw(3, 5, 32)
    result = layer_norm(x)
    np.testing.assert_allclose(jnp.mean(result, -1), 0, atol=1e-6)
    np.testing.assert_allclose(jnp.std(result, -1), 1, atol=1e-5)


def test_a_constant_row_gives_the_bias_and_not_nan():
    result = layer_norm(jnp.full((2, 8), 3.0), jnp.ones(8), jnp.full(8, 0.5), 1e-6)
    np.testing.assert_allclose(result, 0.5, atol=1e-3)


def test_low_precision_takes_its_statistics_in_float32():
    x = (draw(4, 64) + 200).astype(jnp.bfloat16)
    result = layer_norm(x)
    assert result.dtype == jnp.bfloat16
    exact = plain(x.astype(jnp.float32), 1.0, 0.0, 1e-6)
    np.testing.assert_array_equal(result, exact.astype(jnp.bfloat16))


def test_matches_torch():
    torch = pytest.importorskip("torch")
    x, scale, bias = draw(6, 12), draw(12, seed=1), draw(12, seed=2)
    tensors = [torch.tensor(np.asarray(array)) for array in (x, scale, bias)]
    expected = torch.nn.functional.layer_norm(tensors[0], (12,), *tensors[1:], eps=1e-5)
    np.testing.assert_allclose(layer_norm(x, scale, bias, 1e-5), expected, rtol=1e-5, atol=1e-5)
