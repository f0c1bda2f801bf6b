"""NVIDIA's fused attention kernel (cuDNN), for any lengths and for biases of few heads and images.

JAX refuses odd lengths where it differentiates the kernel, with or without a bias. They are filled
up by a token of zeros then: no true query sees it, and its own gradient is dropped. Without a
derivative nothing is filled up, unless a bias is read, which happens in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Implementation = Literal["cudnn", "xla"]
Derivative = Callable[[Array], tuple[Array, Array, Array]]
"""As `jax.vjp` returns it: a tree that carries what was kept."""


def fused_attention(
    query: Float[Array, "b l h d"],
    key: Float[Array, "b s h d"],
    value: Float[Array, "b s h d"],
    bias: Float[Array, "#b #h #l #s"] | None = None,
    *,
    causal: bool = False,
    implementation: Implementation = "cudnn",
) -> Float[Array, "b l h d"]:
    """Mixes values by softmax(query · key / sqrt(d) + bias) in one kernel.

    Args:
        query: What asks.
        key: What is asked.
        value: What is mixed.
        bias: Added to the logits, in the queries' type. It is spread over tokens only: the kernel
            repeats it over images and heads, and adds its gradient up over them.
        causal: Token i sees tokens 0 to i only; needs l = s.
        implementation: Of `jax.nn.dot_product_attention`; another one than the kernel is for
            trying the filling up where there is no GPU.
    """
    odd = query.shape[1] % 2 or key.shape[1] % 2
    if bias is None and odd:
        return _odd_attention(query, key, value, causal, implementation)
    arrays = (query, key, value)
    if bias is not None:
        shape = (*bias.shape[:2], query.shape[1], key.shape[1])
        arrays += (jnp.broadcast_to(bias, shape).astype(query.dtype),)
    return (_filled_up if odd else _call)(arrays, causal, implementation)


def cudnn_problem(query: Array) -> str | None:
    """Says which condition of cuDNN's fused attention is not met; None where all are.

    The conditions are those of `jax.nn.dot_product_attention`: half precision, heads of at most
    128 channels in eights, an Ampere GPU or newer. Lengths do not matter here.
    """
    if jax.default_backend() != "gpu":
        return f"the backend is {jax.default_backend()}, not a GPU"
    if query.dtype not in (jnp.bfloat16, jnp.float16):
        return f"the inputs are {query.dtype}, not bfloat16 or float16"
    if query.shape[-1] > 128 or query.shape[-1] % 8:
        return f"heads have {query.shape[-1]} channels, not at most 128 in eights"
    capability = str(getattr(jax.devices()[0], "compute_capability", "0"))
    return None if float(capability) >= 8 else f"the GPU is of generation {capability}, below 8.0"


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _odd_attention(
    query: Array, key: Array, value: Array, causal: bool, implementation: Implementation
) -> Array:
    """Without a bias: filled up only where a derivative is asked for."""
    return _call((query, key, value), causal, implementation)


def _forward(
    query: Array, key: Array, value: Array, causal: bool, implementation: Implementation
) -> tuple[Array, Derivative]:
    return jax.vjp(lambda *x: _filled_up(x, causal, implementation), query, key, value)


def _backward(
    causal: bool, implementation: Implementation, derive: Derivative, gradient: Array
) -> tuple[Array, Array, Array]:
    del causal, implementation
    return derive(gradient)


_odd_attention.defvjp(_forward, _backward)


def _filled_up(arrays: Sequence[Array], causal: bool, implementation: Implementation) -> Array:
    """Attends with even lengths.

    The token that fills up the queries attends like any other, so that its result is finite, and
    is cut off. The one that fills up the keys is hidden: behind all others where attention is
    causal, by the length of the keys elsewhere.
    """
    query, key, value, *biases = arrays
    length, size = query.shape[1], key.shape[1]
    lengths = None
    if size % 2 and not causal:
        lengths = jnp.full(query.shape[:1], size, jnp.int32)
    even = [_even(x, 1) for x in (query, key, value)]
    even += [_even(_even(bias, 2), 3) for bias in biases]
    return _call(even, causal, implementation, lengths)[:, :length]


def _even(x: Array, axis: int) -> Array:
    widths = [(0, 0)] * x.ndim
    widths[axis] = (0, x.shape[axis] % 2)
    return jnp.pad(x, widths)


def _call(
    arrays: Sequence[Array],
    causal: bool,
    implementation: Implementation,
    lengths: Array | None = None,
) -> Array:
    """Attends with query, key, value and, where there is one, a bias as they are."""
    return jax.nn.dot_product_attention(
        *arrays,
        is_causal=causal,
        key_value_seq_lengths=lengths,
        implementation=implementation,
    )
