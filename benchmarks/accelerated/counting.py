"""Floating-point operations of a computation, counted in its trace.

Products and convolutions count, two operations per multiply-add; whatever works element by element
does not. These are "model FLOPs": what the trace says must be done, not what a compiler makes of
it. Work that is traced twice, as under `jax.checkpoint`, counts twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax

BACKWARD = 2.5
"""Products of fused attention backward over forward: five against two."""


def count_flops(function: Callable[..., Any], *shapes: Any) -> float:
    """Counts the operations of `function` on arguments of such shapes; computes nothing."""
    return flops_of_trace(jax.make_jaxpr(function)(*shapes))


def flops_of_trace(jaxpr: Any) -> float:
    """Counts the operations of what is traced already."""
    return _of_jaxpr(jaxpr)


def _of_jaxpr(jaxpr: Any) -> float:
    return sum(map(_of_equation, jaxpr.eqns))


def _of_equation(equation: Any) -> float:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _of_product(equation)
    if name == "conv_general_dilated":
        return _of_convolution(equation)
    if name.startswith("dot_product_attention"):
        return _of_attention(equation, name)
    if name == "cond":
        return max(map(_of_jaxpr, params["branches"]))
    times = params["length"] if name == "scan" else 1
    return times * sum(map(_of_jaxpr, _inner(params)))


def _inner(params: dict[str, Any]) -> list[Any]:
    """The traces inside an equation; a `custom_vjp` holds its forward one."""
    return [value for value in params.values() if hasattr(value, "eqns")]


def _of_product(equation: Any) -> float:
    left, result = equation.invars[0].aval, equation.outvars[0].aval
    (contracted, _), _ = equation.params["dimension_numbers"]
    return 2.0 * result.size * math.prod(left.shape[axis] for axis in contracted)


def _of_convolution(equation: Any) -> float:
    """Of what is not padding: dilated inputs, as in gradients of strides, are zeros mostly."""
    kernel, result = equation.invars[1].aval, equation.outvars[0].aval
    numbers = equation.params["dimension_numbers"]
    outputs = kernel.shape[numbers.rhs_spec[0]]
    taps = kernel.size / outputs
    return 2.0 * result.size * taps / math.prod(equation.params["lhs_dilation"])


def _of_attention(equation: Any, name: str) -> float:
    """Fused attention of cuDNN: [b, l, h, d] against [b, s, h, d]."""
    query, key = equation.invars[0].aval, equation.invars[1].aval
    batch, length, heads, depth = query.shape
    forward = 4.0 * batch * heads * length * key.shape[1] * depth
    return forward * (BACKWARD if "bwd" in name or "backward" in name else 1)
