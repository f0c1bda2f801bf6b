"""What tells one family of image towers from another in a file, and how big its tower is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ovseg_jax.convert.rules import Table

Shapes = Mapping[str, tuple[int, ...]]


class TextLayout(NamedTuple):
    """One published layout of a text tower: its rows, and what reads its sizes off the shapes."""

    table: Table
    sizes: Callable[[Shapes], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Family:
    """One published layout of an image tower.

    Attributes:
        name: For messages.
        tower: The module that it becomes.
        marker: A tensor that files of this family have, and no others.
        table: Rows of `visual.*` tensors.
        sizes: Reads attributes of the tower off the shapes; absent tensors give zeros.
        text: The layout of the text tower, where it is not CLIP's own.
    """

    name: str
    tower: type
    marker: str
    table: Table
    sizes: Callable[[Shapes], dict[str, Any]]
    text: TextLayout | None = None


def axis(shapes: Shapes, name: str, index: int) -> int:
    """Returns the length of one axis of a tensor; 0 where the tensor or the axis is missing.

    Files may hold anything under a known name: every size is read off a file through this.
    """
    shape = shapes.get(name, ())
    return shape[index] if -len(shape) <= index < len(shape) else 0


def count(names: Iterable[str], pattern: str) -> int:
    """Returns how many different first groups the names that match have."""
    return len({m.group(1) for name in names if (m := re.fullmatch(pattern, name))})


def side(cells: int) -> int:
    """Returns the side of a square grid of cells, or 0 where they are no square."""
    root = round(max(cells, 0) ** 0.5)
    return root if root * root == cells else 0
