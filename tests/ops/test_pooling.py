"""Masked aggregation must average; chunking must change nothing but memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.pooling import average_under_maps, average_under_masks, map_chunks


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


@pytest.mark.parametrize("count", [1, 4, 11])
@pytest.mark.parametrize("axis", [0, 1])
def test_chunks_change_no_result(count, axis):
    shape = (count, 3, 2) if axis == 0 else (3, count, 2)
    arrays = {"masks": draw(*shape), "other": draw(*shape, seed=1)}

    def function(arrays):
        return jnp.tanh(arrays["masks"]), arrays["other"].sum(-1)

    chunked = jax.jit(lambda arrays: map_chunks(function, arrays, 4, axis=axis))(arrays)
    for got, want in zip(chunked, function(arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_gradients_flow_through_chunks():
    masks, weight = draw(7, 3), draw(3, seed=1)

    def loss(masks, weight, chunk):
        return jnp.sum(map_chunks(lambda m: jnp.sin(m * weight), masks, chunk) ** 2)

    chunked, whole = (jax.grad(loss, (0, 1))(masks, weight, chunk) for chunk in (3, 7))
    for got, want in zip(chunked, whole, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_memory_is_bounded_by_the_chunk():
    """Four times the masks at the same chunk need room for further results, not for copies."""

    def function(masks):
        wide = jnp.tanh(masks[:, :, None] * jnp.arange(64.0))  # 64 times the input
        return jnp.einsum("qpe,qpf->q", wide, jnp.cos(wide))

    def temporaries(count):
        masks = jax.ShapeDtypeStruct((count, 256), jnp.float32)
        compiled = jax.jit(lambda m: map_chunks(function, m, 8)).lower(masks).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    few, many = temporaries(16), temporaries(64)
    assert many - few <= 4 * (64 - 16) * 4 and temporaries(61) <= many + 4 * 64


@pytest.mark.parametrize(("arrays", "chunk"), [([np.zeros(3), np.zeros(4)], 2), ([np.zeros(3)], 0)])
def test_unequal_counts_and_empty_chunks_are_refused(arrays, chunk):
    with pytest.raises(ValueError, match="chunk="):
        map_chunks(lambda a: a, arrays, chunk)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="relu"):
        average_under_maps(draw(1, 2, 2, 1), draw(1, 1, 1, 2, 2), form="relu")
