"""The fused kernel's conditions, and odd lengths filled up: XLA's attention stands in for it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.attention import fused
from ovseg_jax.ops.attention.dot_product import attention, choose_form
from ovseg_jax.ops.attention.fused import cudnn_problem, fused_attention

BIASES = {
    "none": None,
    "whole": (2, 3, "l", "s"),
    "over heads": (2, 1, "l", "s"),
    "over images": (1, 3, "l", "s"),
    "over both": (1, 1, "l", "s"),
    "over queries": (2, 1, 1, "s"),
}


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def inputs(length, size, kind="none", depth=8):
    arrays = [draw(2, n, 3, depth, seed=i) for i, n in enumerate((length, size, size))]
    if shape := BIASES[kind]:
        arrays.append(draw(*({"l": length, "s": size}.get(n, n) for n in shape), seed=3))
    return arrays


def with_gradients(mix, arrays):
    def loss(arrays):
        mixed = mix(*arrays)
        return (mixed * draw(*mixed.shape, seed=4)).sum(), mixed

    return jax.jit(jax.grad(loss, has_aux=True))(arrays)


def compare(arrays, causal=False, wrap=lambda mix: mix):
    mix = partial(fused_attention, causal=causal, implementation="xla")
    found = with_gradients(wrap(mix), arrays)
    expected = with_gradients(partial(attention, causal=causal, form="reference"), arrays)
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_allclose(one, other, atol=3e-6)
    np.testing.assert_allclose(mix(*arrays), expected[1], atol=1e-6)


CASES = [("none", *lengths) for lengths in ((13, 13), (7, 10), (10, 7), (1, 9), (8, 6))]
CASES += [("over heads", *lengths) for lengths in ((7, 10), (10, 7), (8, 6))]
CASES += [(kind, 7, 9) for kind in BIASES]


@pytest.mark.parametrize(("kind", "length", "size"), CASES)
def test_results_and_gradients_are_those_of_the_reference(kind, length, size):
    compare(inputs(length, size, kind))


@pytest.mark.parametrize("kind", ["none", "over heads"])
@pytest.mark.parametrize("length", [1, 11])
def test_causal_too(kind, length):
    compare(inputs(length, length, kind), causal=True)


def test_under_checkpoint_and_in_a_loop():
    """The derivative that is kept passes through what training wraps around a layer."""

    def twice(mix):
        def either(*arrays):
            return jax.lax.platform_dependent(*arrays, tpu=lambda q, *_: q, default=mix)

        def step(x, _):
            return jax.checkpoint(either)(x, *arrays[1:]), None

        return lambda query, key, value: jax.lax.scan(step, query, None, length=2)[0]

    arrays = inputs(9, 9)
    found = with_gradients(twice(partial(fused_attention, implementation="xla")), arrays)
    expected = with_gradients(twice(partial(attention, form="reference")), arrays)
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        np.testing.assert_allclose(one, other, atol=3e-6)


@pytest.mark.parametrize("kind", ["none", "over heads"])
def test_a_derivative_meets_even_lengths_only_and_other_calls_nothing_filled_up(kind, monkeypatch):
    called, plain = [], fused._call

    def call(arrays, *options):
        called.append((arrays[0].shape[1], arrays[1].shape[1]))
        return plain(arrays, *options)

    monkeypatch.setattr(fused, "_call", call)
    arrays = inputs(7, 9, kind)
    mix = partial(fused_attention, implementation="xla")
    mix(*arrays)
    assert called.pop() == ((7, 9) if kind == "none" else (8, 10)) and not called
    jax.grad(lambda *a: mix(*a).sum())(*arrays)
    assert set(called) == {(8, 10)}


def test_a_bias_is_not_spread_over_images_and_heads(monkeypatch):
    shapes = []
    monkeypatch.setattr(fused, "_call", lambda x, *_: shapes.append(x[3].shape) or x[0])
    for kind in ("over heads", "over images", "over both", "over queries"):
        fused_attention(*inputs(4, 6, kind))
    assert shapes == [(2, 1, 4, 6), (1, 3, 4, 6), (1, 1, 4, 6), (2, 1, 4, 6)]


@pytest.mark.parametrize(
    ("dtype", "depth", "problem"),
    [
        ("float32", 64, "float32, not bfloat16"),
        ("bfloat16", 136, "136 channels"),
        ("bfloat16", 20, "20 channels"),
        ("bfloat16", 88, None),
    ],
)
def test_the_conditions_of_the_fused_kernel(monkeypatch, dtype, depth, problem):
    class Device:
        compute_capability = "9.0"

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "devices", lambda: [Device])
    query = jnp.zeros((1, 7, 2, depth), dtype)
    found = cudnn_problem(query)
    assert found is None if problem is None else problem in found
    Device.compute_capability = "7.5"
    assert cudnn_problem(query) is not None


@pytest.mark.skipif(jax.default_backend() != "gpu", reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("kind", BIASES)
@pytest.mark.parametrize(("length", "size"), [(64, 64), (77, 77), (33, 64), (64, 33)])
@pytest.mark.parametrize("causal", [False, True])
def test_the_fused_kernel_is_the_reference_on_a_gpu(kind, length, size, causal):
    if causal and length != size:
        pytest.skip("causal attention is over the same tokens")
    arrays = [x.astype(jnp.bfloat16) for x in inputs(length, size, kind)]
    assert choose_form(*arrays[:2], platform="cuda") == "cudnn"
    found, expected = (
        with_gradients(partial(attention, causal=causal, form=form), arrays)
        for form in ("cudnn", "reference")
    )
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
        np.testing.assert_allclose(one, other, atol=2**-5 * max(np.abs(other).max(), 1))
