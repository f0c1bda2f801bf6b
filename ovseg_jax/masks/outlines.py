"""Outlines of hard masks: polygons along the edges of pixels, with holes; exact both ways.

The way back from `ovseg_jax.masks.shapes`. Corners have whole coordinates, (0, 0) being the upper
left corner of the photo, so a polygon's area is its number of pixels, and drawing it as COCO's
tools do gives the mask again, also where a part is one pixel or a line of pixels. Each part of
pixels that share sides is one polygon. Rings never touch themselves; two of them may share corners.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int

Ring = Int[np.ndarray, "n 2"]
"""Corners x, y; clockwise as seen on the screen around a part, the other way around a hole."""


Corner = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Polygon:
    """One part of a mask.

    Attributes:
        outer: Its outline.
        holes: The outlines of its holes.
    """

    outer: Ring
    holes: tuple[Ring, ...] = ()


def polygons_of(mask: Bool[np.ndarray, "H W"]) -> list[Polygon]:
    """Returns the parts of a mask, from top to bottom; none of an empty mask."""
    from scipy import ndimage  # late: a tenth of a start that needs it not

    parts, count = ndimage.label(mask)  # type: ignore[reportGeneralTypeIssues] - stubs lack the pair
    outer: list[Ring] = [np.zeros((0, 2), np.int64)] * count
    holes: list[list[Ring]] = [[] for _ in range(count)]
    for ring in _rings(mask):
        x, y = min(ring, key=lambda corner: corner[::-1])  # the uppermost, of these the left one
        if mask[y, x]:  # what lies below it is inside of the ring
            outer[parts[y, x] - 1] = np.array(ring)
        else:
            holes[parts[y - 1, x] - 1].append(np.array(ring))
    return [Polygon(ring, tuple(inside)) for ring, inside in zip(outer, holes, strict=True)]


def one_path(polygons: list[Polygon]) -> Ring:
    """Joins all rings by lines of no width, there and back, for formats with one ring per mask.

    Filled by the rule of odd crossings or by COCO's tools, it covers the same pixels.
    """
    first, *others = [ring for part in polygons for ring in (part.outer, *part.holes)]
    path = first
    for ring in others:
        near = int(np.abs(path - ring[0]).sum(1).argmin())
        detour = [path[: near + 1], ring, ring[:1], path[near:]]
        path = np.concatenate(detour)
    return path


def _rings(mask: Bool[np.ndarray, "H W"]) -> Iterator[list[Corner]]:
    """Follows all edges between inside and outside, with the inside to the right."""
    corners, beside, below = _corners(mask)
    xs, ys = corners[:, 1].tolist(), corners[:, 0].tolist()
    left = [True] * len(xs)
    for start in range(len(xs)):
        walk, at = [], start
        while left[at]:
            for partner in (beside, below):
                left[at] = False
                walk.append((xs[at], ys[at]))
                at = partner[at]
        if walk:  # it began at its uppermost corner, to the right
            x, y = walk[0]
            is_right = y < len(mask) and x < len(mask[0]) and mask[y, x]
            yield from _without_touching(walk if is_right else walk[::-1])


def _corners(
    mask: Bool[np.ndarray, "H W"],
) -> tuple[Int[np.ndarray, "n 2"], list[int], list[int]]:
    """Returns where outlines turn, row and column, and each one's partner along both axes.

    Along a row or a column, turns come in pairs. Where two pixels touch by their corners, two
    outlines turn at one place, each around its own pixel.
    """
    framed = np.pad(mask, 1)
    a, b, c, d = framed[:-1, :-1], framed[:-1, 1:], framed[1:, :-1], framed[1:, 1:]
    turns = (a ^ b ^ c ^ d) | ((a == d) & (b == c) & (a != b))
    found = np.argwhere(turns)
    row, column = found.T
    double = (a == d)[row, column] & (b == c)[row, column]
    corners = np.repeat(found, 1 + double, axis=0)
    # Of two at one place the first ends the run from the left, the second begins that to the right;
    # where the lower left pixel is inside, the first turns down and so begins the run below.
    second = np.r_[False, (corners[1:] == corners[:-1]).all(1)]
    falls = second ^ (np.repeat(double & c[row, column], 1 + double))
    beside = _partners(np.arange(len(corners)))
    below = _partners(np.lexsort((falls, corners[:, 0], corners[:, 1])))
    return corners, beside, below


def _partners(order: Int[np.ndarray, " n"]) -> list[int]:
    partner = np.empty(len(order), np.int64)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return partner.tolist()


def _without_touching(walk: list[Corner]) -> Iterator[list[Corner]]:
    """Cuts a ring where it comes back to one of its own corners."""
    path: list[Corner] = []
    place: dict[Corner, int] = {}
    for corner in walk:
        if corner in place:
            start = place[corner]
            yield path[start:]
            for passed in path[start:]:
                del place[passed]
            del path[start:]
        place[corner] = len(path)
        path.append(corner)
    yield path
