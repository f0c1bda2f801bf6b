"""Products and convolutions are counted as written, whatever is computed again or dropped."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from ovseg_jax.training.flops import model_flops

X, W = jnp.ones((5, 7)), jnp.ones((7, 7))


def counted(function, *arguments):
    return model_flops(jax.make_jaxpr(function)(*arguments))


def test_a_product_counts_two_operations_per_multiply_add():
    assert counted(lambda x, w: x @ w, X, W) == 2 * 5 * 7 * 7
    assert counted(lambda x, w: jnp.einsum("bij,bjk->bik", x, w), X[None], W[None]) == 2 * 5 * 7 * 7


def test_a_gradient_counts_its_own_products():
    assert counted(jax.grad(lambda w: (X @ w).sum()), W) == 2 * 5 * 7 * 7  # forward is not needed
    assert counted(jax.value_and_grad(lambda w: (X @ w).sum()), W) == 2 * 2 * 5 * 7 * 7


@pytest.mark.parametrize("groups, channels", [(1, 8), (8, 8), (2, 8)])
def test_a_convolution_counts_its_taps(groups, channels):
    module = nn.Conv(16, (3, 3), padding="VALID", feature_group_count=groups)
    images = jnp.ones((2, 10, 10, channels))
    variables = module.init(jax.random.key(0), images)
    found = counted(module.apply, variables, images)
    assert found == 2 * (2 * 8 * 8 * 16) * 9 * channels / groups
    assert found == pytest.approx(
        jax.jit(module.apply).lower(variables, images).cost_analysis()["flops"], rel=0.1
    )


def test_loops_count_every_round_and_what_is_dropped_counts_nothing():
    def rounds(x, w):
        return jax.lax.scan(lambda x, _: (x @ w, (x @ w).sum()), x, None, length=6)[0]

    assert counted(rounds, X, W) == 6 * 2 * 5 * 7 * 7
    assert counted(lambda x, w: (x @ w, x.sum())[1], X, W) == 0


def test_of_several_platforms_the_form_of_products_counts():
    def either(x, w):
        return jax.lax.platform_dependent(x, w, cpu=lambda x, w: x, default=lambda x, w: x @ w)

    assert counted(jax.jit(either), X, W) == 2 * 5 * 7 * 7
