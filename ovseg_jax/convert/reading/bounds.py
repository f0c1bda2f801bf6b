"""How much memory a file may ask for: no more than a few times its own size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ovseg_jax.convert.reading.inert import ReadError

TIMES, SLACK = 8, 2**24
"""Sixteen bits become 32, some tensors have two names, compressed ones a quarter of their size;
that much and 16 MiB more is honest."""
_MAX_RANK = 16


def check_described(shapes: Mapping[str, tuple[int, ...]], file_bytes: int) -> None:
    """Refuses tensors that, as float32, would be far larger than the file that describes them.

    Tensors of stride 0, members of a zip file and headers can speak of terabytes in a few bytes.
    An axis of length 0 counts as 1, so that no other axis grows beyond reason beside it.

    Args:
        shapes: Of all tensors, by name.
        file_bytes: Size of the file, or of all files of a checkpoint.

    Raises:
        ReadError: They are; the message names the largest.
    """
    sizes = {name: 4 * math.prod(max(n, 1) for n in shape) for name, shape in shapes.items()}
    if sum(sizes.values()) > TIMES * file_bytes + SLACK:
        worst = max(sizes, key=lambda name: sizes[name])
        raise ReadError(
            f"it has {file_bytes:,} bytes but describes tensors of {sum(sizes.values()):,} bytes "
            f"(the largest is {worst} {shapes[worst]}); it is damaged, or made to fill the memory"
        )


def check_shape(shape: Any, name: str) -> tuple[int, ...]:
    """Returns a shape that a file declares, if it is one.

    Raises:
        ReadError: It is no list of a few whole numbers.
    """
    axes = shape if isinstance(shape, list | tuple) else None
    if axes is None or len(axes) > _MAX_RANK:
        raise ReadError(f"{name} has no usable shape")
    if not all(type(n) is int and 0 <= n < 2**48 for n in axes):
        raise ReadError(f"{name} has no usable shape")
    return tuple(axes)
