"""Unit vectors: their length, and a derivative that is finite at zero."""

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.ops.vectors import unit


def test_the_last_axis_gets_length_one():
    vectors = jax.random.normal(jax.random.key(0), (3, 4, 5)) * 1e3
    np.testing.assert_allclose(jnp.linalg.norm(unit(vectors), axis=-1), 1, rtol=1e-6)


def test_zero_stays_zero_with_a_finite_derivative():
    assert (unit(jnp.zeros(4)) == 0).all()
    gradient = jax.grad(lambda x: (unit(x) * jnp.arange(4.0)).sum())(jnp.zeros(4))
    assert jnp.isfinite(gradient).all()


def test_tiny_and_low_precision_vectors_are_normalised_too():
    np.testing.assert_allclose(unit(jnp.array([3e-10, 4e-10])), [0.6, 0.8], rtol=1e-5)
    half = unit(jnp.array([300.0, 400.0], jnp.bfloat16))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(jnp.float32), [0.6, 0.8], rtol=1e-2)
