"""Structs as flat dicts of named arrays and back: what a file format can hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import jaxpr_as_fun


def named_leaves(tree: Any, separator: str = ".") -> dict[str, Any]:
    """Returns the arrays of a tree by their paths: "regions.embeddings", "features.cache.0.keys".

    Args:
        tree: Nested structs, dicts and tuples of arrays; None stands for no array.
        separator: Between the parts of a path.
    """
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {_name(path, separator): leaf for path, leaf in paths}


def refill(shapes: Any, arrays: Mapping[str, Any], separator: str = ".") -> Any:
    """Returns the tree whose arrays have these names; those that are not given are zero.

    Args:
        shapes: The tree, of shapes.
        arrays: By the names of `named_leaves`, any part of them.
        separator: As for `named_leaves`.
    """

    def fill(path: Any, leaf: Any) -> Any:
        name = _name(path, separator)
        return arrays[name] if name in arrays else jnp.zeros(leaf.shape, leaf.dtype)

    return jax.tree_util.tree_map_with_path(fill, shapes)


@dataclasses.dataclass(frozen=True)
class Traced:
    """A function of a dict of arrays and further trees, traced once.

    Attributes:
        read: Names of the arrays of the dict that have a part in the result, in sorted order.
        outputs: What it returns, in shapes.
        again: The same function, quick to trace again; it takes arrays of the same shapes.
    """

    read: list[str]
    outputs: Any
    again: Callable[..., Any]


def trace(function: Callable[..., Any], shapes: Mapping[str, Any], *others: Any) -> Traced:
    """Traces a function.

    Args:
        function: Takes the dict, then the others.
        shapes: The dict, of shapes.
        *others: Trees of shapes.
    """
    closed, outputs = jax.make_jaxpr(function, return_shape=True)(dict(shapes), *others)
    run, structure = jaxpr_as_fun(closed), jax.tree.structure(outputs)

    def again(*inputs: Any) -> Any:
        return jax.tree.unflatten(structure, run(*jax.tree.leaves(inputs)))

    wanted = _variables(closed.jaxpr.outvars)
    for equation in reversed(closed.jaxpr.eqns):
        if equation.effects or wanted.intersection(equation.outvars):
            wanted |= _variables(equation.invars)
    pairs = zip(sorted(shapes), closed.jaxpr.invars, strict=False)  # a dict's leaves come first
    return Traced([name for name, variable in pairs if variable in wanted], outputs, again)


def _variables(atoms: Any) -> set[Any]:
    """Literals have a value, and are no variables."""
    return {atom for atom in atoms if not hasattr(atom, "val")}


def _name(path: Any, separator: str) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=separator)
