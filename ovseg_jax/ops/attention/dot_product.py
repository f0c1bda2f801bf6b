"""Scaled dot-product attention in four forms of the same result.

* "reference": the textbook formula, what the other forms are held to.
* "xla": `jax.nn.dot_product_attention`, whole rows of logits at once.
* "chunked": some rows of one head at a time, or some heads with few rows. The logits of a large
  image do not fit a CPU's cache (1,601 tokens and 12 heads take 123 MB), and going through memory
  costs three times the products.
* "cudnn": the fused kernel of NVIDIA GPUs, where its conditions hold (`fused.cudnn_problem`).

All of them compute logits and softmax in float32 whatever the type of the inputs.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import export, lax
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.ops.attention.fused import cudnn_problem, fused_attention
from ovseg_jax.ops.chunks import largest_divisor, map_rows
from ovseg_jax.ops.placement import rows_on_a_device

FORMS = ("reference", "xla", "chunked", "cudnn")
CHUNK = 256
"""Query rows that the chunked form takes at once."""
SMALL = 2**21
"""Bytes of float32 logits up to which it takes several heads with few rows at once."""
LARGE_ON_CPU = 2**23
LARGE_ELSEWHERE = 2**30
"""Bytes of float32 logits above which chunks replace whole rows."""


def attention(
    query: Float[Array, "b l h d"],
    key: Float[Array, "b s h d"],
    value: Float[Array, "b s h d"],
    bias: Float[Array, "#b #h #l #s"] | None = None,
    *,
    causal: bool = False,
    form: str | None = None,
) -> Float[Array, "b l h d"]:
    """Mixes values by softmax(query · key / sqrt(d) + bias).

    Args:
        query: What asks.
        key: What is asked.
        value: What is mixed.
        bias: Added to the logits; use a large negative number to block. A row in which all is
            blocked by -inf has no meaning: the forms differ there.
        causal: Token i sees tokens 0 to i only; needs l = s.
        form: One of `FORMS`; None for the fastest on the platform that is compiled for.

    Returns:
        The mixed values, in the dtype of `query`.

    Raises:
        OperandError: The form is unknown, or "cudnn" is asked for where it cannot run.
    """
    if form is None:
        return _fastest(query, key, value, bias, causal)
    if form == "xla":
        return jax.nn.dot_product_attention(
            query, key, value, bias, is_causal=causal, implementation="xla"
        )
    if form == "cudnn":
        if problem := cudnn_problem(query):
            raise OperandError(f"the cuDNN form of attention cannot run: {problem}")
        return fused_attention(query, key, value, bias, causal=causal)
    if form not in FORMS:
        raise OperandError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    if causal:
        bias = _causal(bias, query.shape[1], key.shape[1])
    return (_chunked if form == "chunked" else _reference)(query, key, value, bias)


def shared_query_attention(
    query: Float[Array, "b 1 h d"],
    key: Float[Array, "b s h d"],
    value: Float[Array, "b s h d"],
    bias: Float[Array, "#b #h q s"],
) -> Float[Array, "b q h d"]:
    """Attention of q queries that are equal and differ in their biases alone.

    The products of query and keys are computed once instead of q times (docs/reference 9.10).

    Args:
        query: The one query of each image.
        key: What is asked.
        value: What is mixed.
        bias: Added to the logits. A row of -inf gives zeros.

    Returns:
        The mixed values, in the dtype of `query`.
    """
    wide = jnp.promote_types(query.dtype, jnp.float32)
    logits = jnp.einsum("blhd,bshd->bhls", query, key, preferred_element_type=wide)
    logits = logits * query.shape[-1] ** -0.5 + bias
    best = jnp.maximum(logits.max(-1, keepdims=True), jnp.finfo(logits.dtype).min)
    weights = jnp.exp(logits - lax.stop_gradient(best))
    weights = weights / jnp.maximum(weights.sum(-1, keepdims=True), 1e-30)
    return jnp.einsum("bhqs,bshd->bqhd", weights.astype(value.dtype), value)


def choose_form(query: Array, key: Array, *, platform: str) -> str:
    """Returns the form that is fastest for such inputs on a platform.

    Args:
        query: What asks.
        key: What is asked.
        platform: As JAX names what is compiled for: "cpu", "cuda", "tpu".
    """
    batch, length, heads, _ = query.shape
    logits = 4 * rows_on_a_device(batch) * heads * length * key.shape[1]
    if export.is_symbolic_dim(logits):  # whole rows are the one form for lengths known later only
        return "xla"
    if platform == "cuda" and cudnn_problem(query) is None:
        return "cudnn"
    large = logits > (LARGE_ON_CPU if platform == "cpu" else LARGE_ELSEWHERE)
    return "chunked" if large and length > 1 else "xla"


def _fastest(query: Array, key: Array, value: Array, bias: Array | None, causal: bool) -> Array:
    forms = {name: choose_form(query, key, platform=name) for name in ("cpu", "cuda", "tpu")}
    usual = forms.pop("tpu")

    def mix(form: str, *arrays: Array) -> Array:
        return attention(*arrays, causal=causal, form=form)

    arrays = (query, key, value) if bias is None else (query, key, value, bias)
    others = {name: partial(mix, form) for name, form in forms.items() if form != usual}
    if not others:
        return mix(usual, *arrays)
    return lax.platform_dependent(*arrays, **others, default=partial(mix, usual))


def _reference(query: Array, key: Array, value: Array, bias: Array | None) -> Array:
    wide = jnp.promote_types(query.dtype, jnp.float32)
    logits = jnp.einsum("blhd,bshd->bhls", query, key, preferred_element_type=wide)
    logits = logits * query.shape[-1] ** -0.5
    if bias is not None:
        logits = logits + bias
    weights = jax.nn.softmax(logits, axis=-1).astype(query.dtype)
    return jnp.einsum("bhls,bshd->blhd", weights, value)


def _chunked(query: Array, key: Array, value: Array, bias: Array | None) -> Array:
    batch, length, heads, depth = query.shape
    chunk = min(CHUNK, length)
    count = -(-length // chunk)
    rows = jnp.pad(_heads_first(query), ((0, 0), (0, count * chunk - length), (0, 0)))
    rows = rows.reshape(-1, count, chunk, depth)
    operands = [rows, _heads_first(key), _heads_first(value)]
    if bias is not None:
        operands.append(_chunked_bias(bias, query, key, count * chunk))

    def one_head(operands: list[Array]) -> Array:
        rows, key, value, *biases = operands
        if count == 1:
            return _mix(rows[0], key, value, *(bias[0] for bias in biases))[None]
        return lax.map(lambda x: _mix(x[0], key, value, *x[1:]), (rows, *biases))

    together = _heads_at_once(batch * heads, chunk * key.shape[1]) if count == 1 else None
    mixed = map_rows(one_head, operands, together=together)
    return jnp.swapaxes(mixed.reshape(batch, heads, -1, depth)[:, :, :length], 1, 2)


def _heads_at_once(heads: int, logits: int) -> int:
    """Returns how many heads to take at once, a divisor of all; crops have many and short ones."""
    most = max(SMALL // (4 * logits), 1)
    return largest_divisor(heads, most)


def _mix(query: Array, key: Array, value: Array, bias: Array | None = None) -> Array:
    """Attends with some rows of one head."""
    wide = jnp.promote_types(query.dtype, jnp.float32)
    logits = jnp.einsum("ld,sd->ls", query, key, preferred_element_type=wide)
    logits = logits * query.shape[-1] ** -0.5  # not the queries: half precision would round them
    if bias is not None:
        logits = logits + bias
    weights = jnp.exp(logits - lax.stop_gradient(logits.max(-1, keepdims=True)))
    mixed = jnp.matmul(weights.astype(value.dtype), value, preferred_element_type=wide)
    return (mixed / weights.sum(-1, keepdims=True)).astype(query.dtype)


def _heads_first(x: Float[Array, "b l h d"]) -> Float[Array, "b*h l d"]:
    return jnp.swapaxes(x, 1, 2).reshape(-1, x.shape[1], x.shape[3])


def _chunked_bias(bias: Array, query: Array, key: Array, length: int) -> Array:
    whole = _whole(bias, query, key)
    padded = jnp.pad(whole, ((0, 0), (0, 0), (0, length - query.shape[1]), (0, 0)))
    chunk = min(CHUNK, query.shape[1])
    return padded.reshape(-1, length // chunk, chunk, key.shape[1])


def _whole(bias: Array, query: Array, key: Array) -> Array:
    """Spreads a bias over all images, heads and tokens."""
    shape = (query.shape[0], query.shape[2], query.shape[1], key.shape[1])
    return jnp.broadcast_to(bias, shape)


def _causal(bias: Array | None, length: int, size: int) -> Array:
    later = jnp.triu(jnp.full((length, size), -jnp.inf), 1)[None, None]
    return later if bias is None else bias + later
