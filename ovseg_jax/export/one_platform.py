"""A function without the forms of other platforms: for converters that know no platforms.

`jax.lax.platform_dependent` leaves all forms of an operation in a traced program, and a number
that says which of them counts. Here that number is known, and only its form stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

INLINED = {"jit", "pjit", "closed_call", "remat", "remat2", "checkpoint"} | {
    "custom_jvp_call",
    "custom_vjp_call",
}
"""Calls that say nothing but how a result is made or derived."""
INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


def for_platform(function: Callable[..., Any], platform: str) -> Callable[..., Any]:
    """Returns the same function with the forms of one platform.

    Args:
        function: Of trees of arrays.
        platform: As JAX names what is compiled for, such as "cpu".
    """

    def chosen(*inputs: Any) -> Any:
        traced, shape = jax.make_jaxpr(function, return_shape=True)(*inputs)
        results = _run(traced.jaxpr, traced.consts, jax.tree.leaves(inputs), platform)
        return jax.tree.unflatten(jax.tree.structure(shape), results)

    return chosen


def _run(jaxpr: Jaxpr, consts: Sequence[Any], inputs: Sequence[Any], platform: str) -> list[Any]:
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values |= zip(jaxpr.invars, inputs, strict=True)

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        results = _step(equation, [read(atom) for atom in equation.invars], platform)
        values |= zip(equation.outvars, results, strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def _step(equation: Any, inputs: list[Any], platform: str) -> Sequence[Any]:
    name, params = equation.primitive.name, equation.params
    if name == "platform_index":
        return [np.int32(_place(params["platforms"], platform))]
    if name == "cond" and isinstance(inputs[0], (int, np.integer)):
        branch = params["branches"][int(inputs[0])]
        return _run(branch.jaxpr, branch.consts, inputs[1:], platform)
    if name == "clamp" and all(isinstance(each, (int, np.integer)) for each in inputs):
        return [np.int32(np.clip(inputs[1], inputs[0], inputs[2]))]
    if name == "select_n" and len(inputs) == 3 and inputs[1].dtype == jnp.bool_:
        chosen, no, yes = inputs  # ONNX Runtime chooses numbers only
        return [(chosen & yes) | (~chosen & no)]
    if name in INLINED:
        inner = next(params[key] for key in INNER if key in params)
        closed = isinstance(inner, ClosedJaxpr)
        return _run(
            inner.jaxpr if closed else inner, inner.consts if closed else (), inputs, platform
        )
    changed = {key: _inside(value, platform) for key, value in params.items()}
    found = equation.primitive.bind(*inputs, **changed)
    return found if equation.primitive.multiple_results else [found]


def _inside(value: Any, platform: str) -> Any:
    """The bodies of loops, likewise."""
    if type(value) is tuple:  # named ones are settings
        return tuple(_inside(each, platform) for each in value)
    if not isinstance(value, ClosedJaxpr):
        return value
    return jax.make_jaxpr(lambda *x: _run(value.jaxpr, value.consts, x, platform))(*value.in_avals)


def _place(platforms: Any, platform: str) -> int:
    """The form's number; None stands for all platforms that have none of their own."""
    own = (number for number, names in enumerate(platforms) if names and platform in names)
    return next(own, len(platforms) - 1)
