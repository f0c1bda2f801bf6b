"""Resizing must follow PyTorch's pixel conventions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.images.interpolation import interpolation_matrix
from ovseg_jax.ops.images.resize import resample_masks, resize, resize_masks

SIZES = [(7, 9), (26, 34), (1, 1), (5, 40)]


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("nearest", {}),
        ("bilinear", {}),
        ("bilinear", {"align_corners": True}),
        ("bilinear", {"antialias": True}),
        ("bicubic", {}),
        ("bicubic", {"align_corners": True}),
        ("bicubic", {"antialias": True}),
    ],
)
def test_matches_torch_interpolate(size, method, options):
    torch = pytest.importorskip("torch")
    x = draw(2, 13, 17, 3)
    planar = torch.tensor(np.asarray(x)).permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(planar, size=size, mode=method, **options)
    result = resize(x, size, method=method, **options)
    np.testing.assert_allclose(result, expected.permute(0, 2, 3, 1), atol=1e-5)


def test_masks_resize_like_maps_of_one_channel():
    masks = draw(2, 5, 12, 10)
    flat = masks.reshape(10, 12, 10, 1)
    for size in [(24, 20), (6, 5), (7, 31)]:
        expected = resize(flat, size).reshape(2, 5, *size)
        np.testing.assert_allclose(resize_masks(masks, size), expected, atol=1e-6)
    assert resize_masks(masks[0, 0], (3, 4)).shape == (3, 4)


def test_halving_is_the_mean_of_two_by_two():
    """Masks at stride 4 become the adapter's 4h x 4w grid this way."""
    masks = draw(3, 8, 6)
    expected = masks.reshape(3, 4, 2, 3, 2).mean((2, 4))
    np.testing.assert_allclose(resize_masks(masks, (4, 3)), expected, atol=1e-6)


def test_an_eighth_is_the_mean_of_the_central_two_by_two():
    masks = draw(3, 16, 24)
    expected = masks.reshape(3, 2, 8, 3, 8)[:, :, 3:5, :, 3:5].mean((2, 4))
    np.testing.assert_allclose(resize_masks(masks, (2, 3)), expected, atol=1e-6)


def test_same_size_returns_the_input_unchanged():
    x = draw(1, 5, 6, 2)
    np.testing.assert_array_equal(resize(x, (5, 6), method="bicubic"), x)


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize(("source", "target"), [(5, 13), (13, 5), (1, 4), (4, 1)])
def test_weights_sum_to_one(method, source, target):
    for antialias in (False, True)[: 1 if method == "nearest" else 2]:
        matrix = interpolation_matrix(source, target, method, antialias)
        np.testing.assert_allclose(matrix.sum(1), 1)


def test_gradient_is_the_transpose():
    x, weigh = draw(1, 6, 7, 1), draw(1, 9, 4, 1, seed=1)
    gradient = jax.grad(lambda x: jnp.sum(weigh * resize(x, (9, 4))))(x)
    rows, columns = interpolation_matrix(6, 9), interpolation_matrix(7, 4)
    np.testing.assert_allclose(gradient[0, ..., 0], rows.T @ weigh[0, ..., 0] @ columns, atol=1e-5)


def test_low_precision_is_interpolated_in_float32():
    x = draw(1, 6, 6, 2).astype(jnp.bfloat16)
    result = resize(x, (9, 9))
    assert result.dtype == jnp.bfloat16
    exact = resize(x.astype(jnp.float32), (9, 9)).astype(jnp.bfloat16)
    np.testing.assert_array_equal(result, exact)


@pytest.mark.parametrize(("size", "method"), [((24, 3), "bilinear"), ((5, 20), "bicubic")])
def test_gathering_equals_the_matrix_product_in_value_and_gradient(size, method):
    masks, weigh = draw(2, 9, 7), draw(2, *size, seed=1)
    rows = interpolation_matrix(9, size[0], method)
    columns = interpolation_matrix(7, size[1], method)

    def run(masks, form):
        def loss(masks):
            return jnp.sum(weigh * resample_masks(masks, rows, columns, form=form) ** 2)

        return resample_masks(masks, rows, columns, form=form), jax.grad(loss)(masks)

    run = jax.jit(run, static_argnums=1)
    for plain, fast in zip(run(masks, "matmul"), run(masks, "gather"), strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-5)


def test_two_resizes_compose_into_one():
    masks = draw(3, 8, 8)
    down, up = interpolation_matrix(16, 5), interpolation_matrix(8, 16)
    expected = resize_masks(resize_masks(masks, (16, 16)), (5, 5))
    np.testing.assert_allclose(resample_masks(masks, down @ up, down @ up), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        ((2, 2), {"method": "lanczos"}, "lanczos"),
        ((0, 2), {}, "at least 1"),
        ((2, 2), {"antialias": True, "align_corners": True}, "do not combine"),
        ((2, 2), {"method": "nearest", "antialias": True}, "nearest"),
    ],
)
def test_impossible_requests_are_refused(size, options, message):
    with pytest.raises(ValueError, match=message):
        resize(draw(1, 4, 4, 1), size, **options)
