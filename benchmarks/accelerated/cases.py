"""What a case is, and the arrays that cases are made of."""

from __future__ import annotations

import dataclasses
import functools
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
        flops: Operations that must be done, where the trace holds others; 0 to count those.
        tolerance: Largest distance of results, relative to the largest value.
        urgency: Cases of 0 are measured before those of 1, and so on.
        images: Per call, for images per second; 0 where a call is no image.
        waits: Whether each call is waited for: the time one photo takes, rather than one of many.
        seconds: What the case takes on a GPU, most of it compiling; 0 for its part's average.
    """

    name: str
    shape: str
    forms: dict[str, Callable[..., Any]]
    inputs: Callable[[], Sequence[tuple]]
    theirs: Callable[[Sequence[tuple]], Contenders] | None = None
    align: Callable[[Any], Any] = lambda result: result
    pick: Callable[[Any], Any] = lambda result: result
    missing: str = ""
    flops: float = 0
    tolerance: float = 1e-4
    urgency: int = 1
    images: int = 0
    waits: bool = False
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Script:
    """A case that measures itself: `run` returns what stands in its row.

    Attributes:
        name: As of `Case`.
        shape: As of `Case`.
        run: Measures and returns the row, given what the machine reached (`machine.Peaks`).
        urgency: As of `Case`.
        seconds: As of `Case`.
    """

    name: str
    shape: str
    run: Callable[[Any], dict[str, Any]]
    urgency: int = 1
    seconds: float = 0.0


def draw(
    seed: int, *shape: int, dtype: Any = jnp.float32, scale: float = 1.0, turns: int = 0
) -> list[jax.Array]:
    """Draws normal numbers, other ones for every turn; see `_noise`."""
    count = turns or DISTINCT_INPUTS
    return [
        jnp.asarray(np.resize(scale * _noise(100 * seed + turn), shape), dtype)
        for turn in range(count)
    ]


def draw_boxes(seed: int, count: int, size: int) -> jax.Array:
    """Draws boxes of a third of a picture: [count, size, size] bool."""
    corners = np.random.default_rng(seed).integers(0, size // 2, (count, 2, 1))
    grid = np.arange(size)
    inside = (grid >= corners) & (grid < corners + size // 3)
    return jnp.asarray(inside[:, 0, :, None] & inside[:, 1, None, :])


def draw_like(shapes: Any, seed: int = 0) -> Any:
    """Draws float32 parameters of given shapes that keep the variance of what they map.

    Norms' scales are near one, biases near zero, and CLIP's temperature is 100.
    """
    noise = _noise(seed)

    def one(path: tuple, leaf: Any) -> jax.Array:
        last = str(getattr(path[-1], "key", path[-1]))
        if last == "logit_scale":
            return jnp.log(jnp.full(leaf.shape, 100.0))
        start, spread = (1.0, 0.1) if last == "scale" else (0.0, 0.1)
        if last == "layer_scale":
            start, spread = 0.1, 0.01
        elif leaf.ndim > 1 and "embedding" not in last:
            spread = (leaf.size / leaf.shape[-1]) ** -0.5
        first = zlib.crc32(str(path).encode()) % noise.size
        return jnp.asarray(start + spread * np.resize(np.roll(noise, first), leaf.shape))

    return jax.tree_util.tree_map_with_path(one, shapes)


@functools.lru_cache(maxsize=4)
def _noise(seed: int) -> np.ndarray:
    """Normal numbers that larger arrays repeat; a prime number of them, so that no rows agree.

    Drawing on the device would compile a program per shape, and compiling takes most of the time.
    """
    return np.random.default_rng(seed).standard_normal(1_048_573, np.float32)
