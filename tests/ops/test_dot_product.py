"""Every form of attention is the textbook formula."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.attention import dot_product as module
from ovseg_jax.ops.attention.dot_product import attention, choose_form

FAST = ("reference", "xla", "chunked")
BIASES = {
    "none": None,
    "whole": (2, 3, "l", "s"),
    "over heads": (2, 1, "l", "s"),
    "over images": (1, 3, "l", "s"),
    "over queries": (2, 1, 1, "s"),
}
CASES = [(kind, 40, 7) for kind in BIASES]
CASES += [(kind, *lengths) for kind in ("none", "over heads") for lengths in ((16, 16), (1, 9))]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Several chunks, the last one not full, at lengths that take no time."""
    monkeypatch.setattr(module, "CHUNK", 16)


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def inputs(length, size, depth=8):
    return draw(2, length, 3, depth), draw(2, size, 3, depth, seed=1), draw(2, size, 3, 8, seed=2)


def bias_of(kind, length, size):
    shape = BIASES[kind]
    return shape and draw(*({"l": length, "s": size}.get(n, n) for n in shape), seed=3)


def plain(query, key, value, bias=None, causal=False):
    """One query of one head of one image at a time, in float64."""
    query, key, value = (np.asarray(x, np.float64) for x in (query, key, value))
    batch, length, heads, depth = query.shape
    shape = batch, heads, length, key.shape[1]
    bias = np.zeros(shape) if bias is None else np.broadcast_to(np.asarray(bias), shape)
    result = np.zeros((batch, length, heads, value.shape[-1]))
    for b, i, h in np.ndindex(batch, length, heads):
        seen = i + 1 if causal else key.shape[1]
        logits = key[b, :seen, h] @ query[b, i, h] / np.sqrt(depth) + bias[b, h, i, :seen]
        weights = np.exp(logits - logits.max())
        result[b, i, h] = weights / weights.sum() @ value[b, :seen, h]
    return result


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize(("kind", "length", "size"), CASES)
def test_is_the_formula(form, kind, length, size):
    arrays, bias = inputs(length, size), bias_of(kind, length, size)
    result = jax.jit(lambda *a: attention(*a, form=form))(*arrays, bias)
    np.testing.assert_allclose(result, plain(*arrays, bias), atol=2e-6)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("kind", ["none", "over heads"])
@pytest.mark.parametrize("length", [1, 39])
def test_causal_tokens_see_themselves_and_earlier_ones(form, kind, length):
    arrays, bias = inputs(length, length), bias_of(kind, length, length)
    result = attention(*arrays, bias, causal=True, form=form)
    np.testing.assert_allclose(result, plain(*arrays, bias, causal=True), atol=2e-6)


@pytest.mark.parametrize("form", FAST)
def test_a_large_negative_bias_blocks_and_minus_infinity_too(form):
    """What mask tokens rely on: blocked cells have no weight at all."""
    query, key, value = inputs(20, 6)
    for low in (-jnp.inf, -1e30):
        bias = jnp.zeros((1, 1, 20, 6)).at[..., 4:].set(low)
        result = attention(query, key, value, bias, form=form)
        expected = attention(query, key[:, :4], value[:, :4], form=form)
        np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize("form", FAST[1:])
@pytest.mark.parametrize("causal", [False, True])
def test_gradients_are_those_of_the_reference(form, causal):
    arrays = (*inputs(35, 35), bias_of("over heads", 35, 35))
    weights = draw(2, 35, 3, 8, seed=4)

    def gradient(form):
        def loss(arrays):
            return (attention(*arrays, causal=causal, form=form) * weights).sum()

        return jax.jit(jax.grad(loss))(arrays)

    for found, expected in zip(gradient(form), gradient("reference"), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("form", FAST)
def test_low_precision_has_logits_and_softmax_in_float32(form):
    """Only inputs, weights and result are rounded: far off logits would show a rounded softmax."""
    query, key, value = inputs(40, 50)
    low = [x.astype(jnp.bfloat16) for x in (4 * query, 4 * key, value)]
    result = attention(*low, form=form)
    assert result.dtype == jnp.bfloat16
    exact = plain(*(x.astype(jnp.float32) for x in low))
    assert np.abs(np.asarray(result, np.float64) - exact).max() < 2**-6
    naive = jnp.einsum("blhd,bshd->bhls", low[0], low[1]) * jnp.bfloat16(8**-0.5)
    naive = jnp.einsum("bhls,bshd->blhd", jax.nn.softmax(naive, axis=-1), low[2])
    assert np.abs(np.asarray(naive, np.float64) - exact).max() > 2**-5


@pytest.mark.parametrize("form", FAST)
def test_large_logits_do_not_overflow(form):
    query, key, value = inputs(20, 20)
    result = attention(100 * query, 100 * key, value, form=form)
    np.testing.assert_allclose(result, plain(100 * query, 100 * key, value), atol=1e-3)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="the choice for a CPU")
def test_on_cpu_chunks_replace_whole_rows_where_these_are_large(monkeypatch):
    small, large = (jnp.zeros((1, n, 4, 8)) for n in (64, 1024))
    cpu = partial(choose_form, platform="cpu")
    assert cpu(small, small) == "xla" and cpu(large, large) == "chunked"
    assert cpu(jnp.zeros((8192, 1, 4, 8)), jnp.zeros((8192, 1024, 4, 8))) == "xla"
    assert choose_form(large, large, platform="tpu") == "xla"
    called = []
    monkeypatch.setattr(module, "_chunked", lambda *a: called.append(len(a)) or a[0])
    attention(large, large, large)
    assert called == [4]


def test_unknown_forms_and_a_kernel_that_cannot_run_are_named():
    arrays = inputs(4, 4)
    with pytest.raises(ValueError, match="form='flash' is unknown; choose one of reference, xla"):
        attention(*arrays, form="flash")
    if jax.default_backend() == "cpu":
        with pytest.raises(ValueError, match="cannot run: the backend is cpu, not a GPU"):
            attention(*arrays, form="cudnn")
