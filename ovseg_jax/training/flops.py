"""How much a step has to compute: its matrix products and convolutions, counted in its program.

Two operations per multiply-add, of forward and backward pass, for the batch of all devices. Counted
in the program as JAX traces it, so nothing of a compiler enters: what it computes twice does not
count, nor what is dropped. Where platforms compute by different forms, the largest counts, which
is the one of products. Norms, activations, resizing and the optimizer are left out, as usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from jax.interpreters import partial_eval


def model_flops(jaxpr: Any) -> float:
    """Returns the operations of one call of a traced program.

    Args:
        jaxpr: As `jax.jit(...).trace(...).jaxpr` or `jax.make_jaxpr` return it, traced without
            `jax.checkpoint` for the model's own operations.
    """
    used, _ = partial_eval.dce_jaxpr(jaxpr.jaxpr, [True] * len(jaxpr.jaxpr.outvars))
    return _of(used)


def _of(jaxpr: Any) -> float:
    return sum(map(_of_equation, jaxpr.eqns))


def _of_equation(equation: Any) -> float:
    name, sizes = equation.primitive.name, equation.params
    if name == "dot_general":
        ((contracted, _), _) = sizes["dimension_numbers"]
        shape = equation.invars[0].aval.shape
        return 2.0 * equation.outvars[0].aval.size * math.prod(shape[axis] for axis in contracted)
    if name == "conv_general_dilated":
        return _of_convolution(equation)
    parts = [_of(part) for part in _inner(sizes)]
    if name == "cond":
        return max(parts, default=0.0)
    return sum(parts) * (sizes["length"] if name == "scan" else 1)


def _of_convolution(equation: Any) -> float:
    """Each result adds up one product per tap and input channel of its group."""
    kernel, spec = equation.invars[1].aval, equation.params["dimension_numbers"].rhs_spec
    return 2.0 * equation.outvars[0].aval.size * kernel.size / kernel.shape[spec[0]]


def _inner(parameters: dict[str, Any]) -> Iterator[Any]:
    """Yields the programs inside of an operation."""
    for value in parameters.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            inner = getattr(item, "jaxpr", item)
            if hasattr(inner, "eqns"):
                yield inner
