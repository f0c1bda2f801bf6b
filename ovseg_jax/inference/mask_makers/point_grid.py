"""Where SAM's automatic mask generation looks: a grid of points, on a photo and on parts of it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int

EDGE = 20
"""Pixels within which a box touches the edge of a part of the photo."""
Box = tuple[int, int, int, int]


def point_grid(count: int) -> Float[np.ndarray, "p 2"]:
    """Returns the middles of count x count cells, x and y from 0 to 1, row by row."""
    line = (np.arange(count) + 0.5) / count
    return np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)


def crop_boxes(size: tuple[int, int], layers: int, overlap: float) -> list[tuple[Box, int]]:
    """Returns the photo and its parts, each with its layer: 4 parts, then 16, and so on."""
    height, width = size
    boxes = [((0, 0, width, height), 0)]
    for layer in range(1, layers + 1):
        per_side = 2**layer
        shared = int(overlap * min(size) * (2 / per_side))
        sides = [math.ceil((shared * (per_side - 1) + length) / per_side) for length in size]
        for column in range(per_side):
            for row in range(per_side):
                left, top = (sides[1] - shared) * column, (sides[0] - shared) * row
                right, bottom = min(left + sides[1], width), min(top + sides[0], height)
                boxes.append(((left, top, right, bottom), layer))
    return boxes


def touches_inner_edge(
    boxes: Int[np.ndarray, "q 4"], crop: Box, photo: Box
) -> Bool[np.ndarray, " q"]:
    """Tells which boxes end at an edge of their part that is no edge of the photo."""
    near = np.abs(boxes - np.array(crop)) <= EDGE
    return np.any(near & (np.abs(boxes - np.array(photo)) > EDGE), axis=1)
