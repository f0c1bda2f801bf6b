"""What a case is, and the arrays that cases are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

Contenders = dict[str, Callable[[], Any]]
"""Calls without arguments, by the name of the column; PyTorch's begin with "torch"."""
DISTINCT_INPUTS = 2
"""Inputs that take turns."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One computation, ours and theirs.

    Attributes:
        name: What is computed; the part's name and a slash come first.
        shape: Its sizes, for the reader.
        forms: Ours, as functions of arrays, by name; "ours" is what runs by default.
        inputs: Draws the arguments: one tuple per turn. Not called before the case's turn.
        theirs: Takes the inputs to PyTorch; None where there is nothing to compare with.
        align: Brings PyTorch's result into our layout.
        pick: Takes from our result what is compared.
        missing: What is not compared, and why.
        tolerance: Largest distance of results, relative to the largest value.
        urgency: Cases of 0 are measured before those of 1, and so on.
        images: Per call, for images per second; 0 where a call is no image.
        waits: Whether each call is waited for: the time one photo takes, rather than one of many.
    """

    name: str
    shape: str
    forms: dict[str, Callable[..., Any]]
    inputs: Callable[[], Sequence[tuple]]
    theirs: Callable[[Sequence[tuple]], Contenders] | None = None
    align: Callable[[Any], Any] = lambda result: result
    pick: Callable[[Any], Any] = lambda result: result
    missing: str = ""
    tolerance: float = 1e-4
    urgency: int = 1
    images: int = 0
    waits: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Script:
    """A case that measures itself: `run` returns what stands in its row.

    Attributes:
        name: As of `Case`.
        shape: As of `Case`.
        run: Measures and returns the row, given what the machine reached (`machine.Peaks`).
        urgency: As of `Case`.
    """

    name: str
    shape: str
    run: Callable[[Any], dict[str, Any]]
    urgency: int = 1


def draw(
    seed: int, *shape: int, dtype: Any = jnp.float32, scale: float = 1.0, turns: int = 0
) -> list[jax.Array]:
    """Draws normal numbers on the device, other ones for every turn."""
    keys = jax.random.split(jax.random.key(seed), turns or DISTINCT_INPUTS)
    return [(scale * jax.random.normal(key, shape)).astype(dtype) for key in keys]


def draw_boxes(seed: int, count: int, size: int) -> jax.Array:
    """Draws boxes of a third of a picture: [count, size, size] bool."""
    corners = jax.random.randint(jax.random.key(seed), (count, 2, 1), 0, size // 2)
    grid = jnp.arange(size)
    inside = (grid >= corners) & (grid < corners + size // 3)
    return inside[:, 0, :, None] & inside[:, 1, None, :]


def draw_like(shapes: Any, seed: int = 0) -> Any:
    """Draws parameters of given shapes, float32, that keep the variance of what they map.

    Norms' scales are near one and biases near zero; CLIP's temperature is 100.
    """

    def one(path: tuple, leaf: Any, key: jax.Array) -> jax.Array:
        last = str(getattr(path[-1], "key", path[-1]))
        if last == "logit_scale":
            return jnp.log(jnp.full(leaf.shape, 100.0))
        noise = jax.random.normal(key, leaf.shape)
        if "layer_scale" in last:
            return 0.1 + 0.01 * noise
        if last == "scale":
            return 1 + 0.1 * noise
        if leaf.ndim < 2 or "embedding" in last or "position" in last:
            return 0.1 * noise
        fan_in = max(1, leaf.size // leaf.shape[-1])
        return noise * fan_in**-0.5

    @jax.jit
    def fill(key: jax.Array) -> Any:
        leaves, treedef = jax.tree_util.tree_flatten_with_path(shapes)
        keys = [jax.random.fold_in(key, index) for index in range(len(leaves))]
        drawn = [one(path, leaf, k) for (path, leaf), k in zip(leaves, keys, strict=True)]
        return jax.tree_util.tree_unflatten(treedef, drawn)

    with jax.default_matmul_precision("default"):
        return fill(jax.random.key(seed))
