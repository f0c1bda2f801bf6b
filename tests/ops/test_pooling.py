"""Masked aggregation must average; chunking must change nothing but memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.masks.pooling import average_under_maps, average_under_masks


def draw(*shape, seed=0, scale=1.0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape) * scale, jnp.float32)


def test_average_under_a_mask_is_the_mean_of_its_pixels():
    features, masks = draw(2, 4, 5, 3), draw(2, 6, 4, 5, seed=1) > 0
    result = average_under_masks(features, masks)
    for image in range(2):
        for mask in range(6):
            expected = features[image][masks[image, mask]].mean(0)
            np.testing.assert_allclose(result[image, mask], expected, rtol=1e-5, atol=1e-6)


def test_an_empty_mask_averages_to_zero_and_a_full_one_to_the_mean():
    features = draw(1, 4, 5, 3)
    masks = jnp.stack([jnp.zeros((4, 5)), jnp.ones((4, 5))])[None]
    result = average_under_masks(features, masks)[0]
    np.testing.assert_array_equal(result[0], 0)
    np.testing.assert_allclose(result[1], features.mean((0, 1, 2)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shift", [0.0, 30.0, -300.0])
def test_maps_average_alike_in_both_forms_in_value_and_gradient(shift):
    features, maps = draw(2, 3, 4, 5), draw(2, 3, 2, 3, 4, seed=1, scale=3) + shift
    weigh = draw(2, 3, 2, 5, seed=2)

    def loss(features, maps, form):
        return jnp.sum(weigh * average_under_maps(features, maps, form=form))

    results = {
        form: (
            average_under_maps(features, maps, form=form),
            *jax.jit(jax.grad(loss, (0, 1)), static_argnums=2)(features, maps, form),
        )
        for form in ("softmax", "sigmoid")
    }
    for plain, fast in zip(results["softmax"], results["sigmoid"], strict=True):
        assert np.all(np.isfinite(fast))
        np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-5)


def test_map_weights_are_sigmoids_over_their_sum():
    features, maps = draw(1, 3, 4, 2), draw(1, 1, 1, 3, 4, seed=1)
    weights = jax.nn.sigmoid(maps[0, 0, 0])
    expected = jnp.einsum("hw,hwc->c", weights / weights.sum(), features[0])
    np.testing.assert_allclose(average_under_maps(features, maps)[0, 0, 0], expected, rtol=1e-5)


def test_a_map_of_zeros_has_the_gradient_of_a_sigmoid_at_zero():
    features, maps = draw(1, 2, 3, 4), jnp.zeros((1, 1, 1, 2, 3))
    plain, fast = (
        jax.grad(lambda a, f=f: jnp.sum(average_under_maps(features, a, form=f) ** 2))(maps)
        for f in ("softmax", "sigmoid")
    )
    assert np.abs(plain).max() > 1e-3
    np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-7)


def test_low_precision_features_keep_their_dtype():
    features = draw(1, 4, 4, 8).astype(jnp.bfloat16)
    maps = draw(1, 2, 3, 4, 4, seed=1).astype(jnp.bfloat16)
    result = average_under_maps(features, maps)
    exact = average_under_maps(features.astype(jnp.float32), maps.astype(jnp.float32))
    assert result.dtype == jnp.bfloat16
    np.testing.assert_allclose(result.astype(jnp.float32), exact, atol=0.02)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="relu"):
        average_under_maps(draw(1, 2, 2, 1), draw(1, 1, 1, 2, 2), form="relu")
