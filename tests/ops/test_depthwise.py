"""The shift form must be the grouped convolution, in value and in every derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.depthwise import depthwise_conv


def draw(shape, seed=0, dtype=jnp.float32):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


@pytest.mark.parametrize(
    ("size", "kernel"), [((9, 6), (7, 7)), ((2, 3), (7, 7)), ((5, 8), (3, 5)), ((4, 4), (1, 1))]
)
def test_shifts_equal_the_grouped_convolution_in_value_and_gradient(size, kernel):
    x, weights, weigh = draw((2, *size, 3)), draw((*kernel, 1, 3), 1), draw((2, *size, 3), 2)

    def loss(x, weights, form):
        return jnp.sum(weigh * jnp.sin(depthwise_conv(x, weights, form=form)))

    results = {}
    for form in ("grouped", "shift"):
        gradients = jax.jit(jax.grad(loss, (0, 1)), static_argnums=2)(x, weights, form)
        results[form] = (depthwise_conv(x, weights, form=form), *gradients)
    for plain, fast in zip(results["grouped"], results["shift"], strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=2e-5)


def test_second_derivatives_of_the_shift_form_are_right():
    x, weights = draw((1, 4, 5, 2)), draw((3, 3, 1, 2), 1)

    def squared_gradient(weights, form):
        gradient = jax.grad(lambda w: jnp.sum(depthwise_conv(x, w, form=form) ** 3))(weights)
        return jnp.sum(gradient**2)

    plain, fast = (jax.grad(squared_gradient)(weights, form) for form in ("grouped", "shift"))
    np.testing.assert_allclose(fast, plain, rtol=1e-4)


def test_matches_torch():
    torch = pytest.importorskip("torch")
    x, weights = draw((2, 6, 5, 4)), draw((7, 7, 1, 4), 1)
    expected = torch.nn.functional.conv2d(
        torch.tensor(np.asarray(x)).permute(0, 3, 1, 2),
        torch.tensor(np.asarray(weights)).permute(3, 2, 0, 1),
        padding=3,
        groups=4,
    ).permute(0, 2, 3, 1)
    for form in ("grouped", "shift"):
        np.testing.assert_allclose(depthwise_conv(x, weights, form=form), expected, atol=2e-5)


def test_low_precision_keeps_its_dtype_and_accumulates_in_float32():
    x, weights = draw((1, 8, 8, 2)), draw((7, 7, 1, 2), 1)
    x, weights = x.astype(jnp.bfloat16), weights.astype(jnp.bfloat16)
    exact = depthwise_conv(x.astype(jnp.float32), weights.astype(jnp.float32), form="grouped")
    result = depthwise_conv(x, weights, form="shift")
    assert result.dtype == jnp.bfloat16
    np.testing.assert_array_equal(result, exact.astype(jnp.bfloat16))


@pytest.mark.parametrize(
    ("kernel", "form", "message"), [((4, 3), None, "odd"), ((3, 3), "winograd", "winograd")]
)
def test_even_kernels_and_unknown_forms_are_refused(kernel, form, message):
    with pytest.raises(ValueError, match=message):
        depthwise_conv(draw((1, 5, 5, 1)), draw((*kernel, 1, 1)), form=form)
