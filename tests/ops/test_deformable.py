"""Deformable sampling: all forms, their gradients, and torch's grid_sample."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.attention import deformable
from ovseg_jax.ops.attention.deformable import deformable_sample

SIZES, HEADS, DEPTH, POINTS, QUERIES = ((2, 3), (5, 4)), 2, 3, 2, 7


def inputs(seed=0, dtype=np.float32):
    """Maps, places inside, on the rim and far outside, and weights."""
    rng = np.random.default_rng(seed)
    values = tuple(
        jnp.asarray(rng.standard_normal((2, h, w, HEADS, DEPTH)), dtype) for h, w in SIZES
    )
    shape = (2, QUERIES, HEADS, len(SIZES), POINTS)
    places = rng.uniform(-0.3, 1.3, (*shape, 2))
    places[0, 0], places[0, 1], places[0, 2], places[0, 3] = 0.0, 1.0, 9.0, -9.0
    return values, jnp.asarray(places, dtype), jnp.asarray(rng.standard_normal(shape), dtype)


OTHERS = ["packed", "whole", None]


@pytest.fixture(autouse=True)
def many_portions(monkeypatch):
    monkeypatch.setattr(deformable, "CHUNK", 3)


@pytest.mark.parametrize("form", OTHERS)
def test_all_forms_agree(form):
    values, places, weights = inputs()
    plain = deformable_sample(values, places, weights, form="reference")
    sample = functools.partial(deformable_sample, form=form)
    np.testing.assert_allclose(jax.jit(sample)(values, places, weights), plain, atol=1e-5)


def test_the_centre_of_a_pixel_gives_the_pixel_and_outside_is_zero():
    value = jnp.arange(6.0).reshape(1, 2, 3, 1, 1)
    places = jnp.array([[0.5 / 3, 0.75], [2.0, 0.5]]).reshape(1, 2, 1, 1, 1, 2)
    weights = jnp.full((1, 2, 1, 1, 1), 2.0)
    for form in deformable.FORMS:
        found = deformable_sample([value], places, weights, form=form)
        np.testing.assert_allclose(found.ravel(), [6.0, 0.0])


@pytest.mark.parametrize("form", OTHERS)
def test_gradients_of_all_forms_agree(form):
    def gradients(form):
        def loss(values, places, weights):
            return (deformable_sample(values, places, weights, form=form) ** 2).sum()

        return jax.grad(loss, argnums=(0, 1, 2))(*inputs())

    plain, packed = map(jax.tree.leaves, map(gradients, ("reference", form)))
    for want, got in zip(plain, packed, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-4)


def test_gradients_agree_with_finite_differences():
    with jax.enable_x64(True):
        # Away from the borders of cells, where the derivative by place jumps.
        values, places, weights = inputs(3, np.float64)
        places = jnp.round(jnp.clip(places, -0.2, 1.2) * 60) / 60 + 0.004
        arguments = (values, places, weights)

        @jax.jit
        def loss(arguments):
            return (deformable_sample(*arguments) ** 2).sum()

        def shifted(step, direction):
            return jax.tree.map(lambda x, d: x + step * d, arguments, direction)

        gradient = jax.grad(loss)(arguments)
        rng = np.random.default_rng(0)
        for _ in range(5):
            direction = jax.tree.map(lambda x: jnp.asarray(rng.standard_normal(x.shape)), arguments)
            slope = (loss(shifted(1e-6, direction)) - loss(shifted(-1e-6, direction))) / 2e-6
            products = jax.tree.map(lambda g, d: (g * d).sum(), gradient, direction)
            np.testing.assert_allclose(slope, sum(jax.tree.leaves(products)), rtol=1e-6)


@pytest.mark.parametrize("form", deformable.FORMS)
def test_torch_agrees(form):
    torch = pytest.importorskip("torch")
    values, places, weights = inputs()
    arrays = [*values, places, weights]
    tensors = [torch.tensor(np.array(x), requires_grad=True) for x in arrays]
    total = torch_sample(torch, tensors[: len(SIZES)], *tensors[len(SIZES) :])
    total.square().sum().backward()
    run = functools.partial(deformable_sample, form=form)
    np.testing.assert_allclose(run(values, places, weights), total.detach(), atol=1e-5)
    ours = jax.grad(lambda *x: (run(*x) ** 2).sum(), argnums=(0, 1, 2))(values, places, weights)
    for got, tensor in zip(jax.tree.leaves(ours), tensors, strict=True):
        np.testing.assert_allclose(got, tensor.grad, atol=2e-4)


@pytest.mark.parametrize("form", deformable.FORMS)
def test_torch_agrees_on_the_rim_and_on_pixels(form):
    torch = pytest.importorskip("torch")
    steps = (np.array([-1.5, -1, -0.5, 0, 1, 2.5, 3, 3.5, 4, 4.5], np.float32) + 0.5) / 4
    places = np.stack(np.meshgrid(steps, steps), -1).reshape(1, -1, 1, 1, 1, 2)
    value = np.random.default_rng(0).standard_normal((1, 4, 4, 1, DEPTH)).astype(np.float32)
    weights = jnp.ones(places.shape[:-1])
    tensors = [torch.tensor(x, requires_grad=True) for x in (value, places)]
    maps, grid = tensors[0][..., 0, :].permute(0, 3, 1, 2), 2 * tensors[1].reshape(1, 1, -1, 2) - 1
    torch.nn.functional.grid_sample(maps, grid, align_corners=False).sum().backward()

    def total(value, places):
        return deformable_sample([value], places, weights, form=form).sum()

    ours = jax.grad(total, argnums=(0, 1))(jnp.asarray(value), jnp.asarray(places))
    for got, tensor in zip(ours, tensors, strict=True):
        np.testing.assert_allclose(got, tensor.grad, atol=1e-4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", ["reference", "packed"])
def test_gradients_of_bfloat16_maps_are_added_up_in_float32(form):
    rng, count = np.random.default_rng(0), 600
    value = jnp.asarray(rng.standard_normal((1, 3, 3, 1, DEPTH)), jnp.bfloat16)
    places = jnp.asarray(rng.uniform(0.2, 0.8, (1, count, 1, 1, POINTS, 2)), jnp.float32)
    weights = jnp.full((1, count, 1, 1, POINTS), 1 / POINTS)

    def gradient(value):
        sample = functools.partial(deformable_sample, form=form)
        return jax.grad(lambda value: sample([value], places, weights).sum())(value)

    got, want = gradient(value), gradient(value.astype(jnp.float32))
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(got.astype(jnp.float32), want, rtol=2**-8)


def test_a_place_that_is_no_number_spoils_only_its_own_query():
    values, places, weights = inputs()
    spoiled = deformable_sample(values, places.at[0, 5].set(jnp.nan), weights)
    assert jnp.isnan(spoiled[0, 5]).all()
    plain = deformable_sample(values, places, weights)
    np.testing.assert_array_equal(spoiled.at[0, 5].set(0), plain.at[0, 5].set(0))


def torch_sample(torch, values, places, weights):
    """The same from `grid_sample`, level by level."""
    total = 0
    for level, value in enumerate(values):
        maps = value.permute(0, 3, 4, 1, 2).flatten(0, 1)
        grid = (2 * places[:, :, :, level] - 1).transpose(1, 2).flatten(0, 1)
        found = torch.nn.functional.grid_sample(
            maps, grid, padding_mode="zeros", align_corners=False
        )
        found = found.unflatten(0, (-1, HEADS)).permute(0, 3, 1, 4, 2)
        total = total + (found * weights[:, :, :, level, :, None]).sum(3)
    return total


def test_levels_that_do_not_agree_are_refused():
    values, places, weights = inputs()
    with pytest.raises(ValueError, match="1 maps"):
        deformable_sample(values[:1], places, weights)
    with pytest.raises(ValueError, match="form='x' is unknown"):
        deformable_sample(values, places, weights, form="x")
