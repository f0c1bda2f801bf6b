"""Parts that things are drawn from: polygons in a square from -1 to 1, each of one colour.

x points right and y down. Helpers turn ellipses, bands, lines and rounded boxes into polygons, so
that one affine map and one call of a rasteriser draw any part.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Color = tuple[float, float, float]
"""RGB, 0 to 1."""

WHITE: Color = (0.96, 0.96, 0.95)
BLACK: Color = (0.12, 0.12, 0.14)
GREY: Color = (0.60, 0.62, 0.65)
STEEL: Color = (0.76, 0.78, 0.81)
WOOD: Color = (0.62, 0.41, 0.22)
GOLD: Color = (0.93, 0.72, 0.20)
GLASS: Color = (0.70, 0.87, 0.95)
GREEN: Color = (0.22, 0.58, 0.22)

TURN = 2.0 * np.pi


class Part(NamedTuple):
    """A polygon of one colour.

    Attributes:
        points: float [n, 2], corners (x, y) in order.
        color: Its colour.
        rim: Whether a darker line goes round it; marks on a surface have none.
    """

    points: np.ndarray
    color: Color
    rim: bool = True


def mark(points: np.ndarray, color: Color) -> Part:
    """Makes a part without a rim: a stripe, a dot, a line on a surface."""
    return Part(points, color, False)


def shade(color: Color, factor: float) -> Color:
    """Darkens a colour (factor below 1) or mixes it with white (above 1)."""
    if factor <= 1.0:
        return tuple(value * factor for value in color)
    return tuple(value + (1.0 - value) * (factor - 1.0) for value in color)


def contrast(color: Color) -> Color:
    """Returns white on dark colours, a dark one on light colours."""
    return WHITE if float(np.dot(color, (0.3, 0.59, 0.11))) < 0.6 else (0.25, 0.22, 0.30)


def polygon(*corners: float) -> np.ndarray:
    """Returns the polygon of x, y, x, y and so on."""
    return np.asarray(corners, np.float64).reshape(-1, 2)


def rectangle(
    left: float, top: float, right: float, bottom: float, corner: float = 0.0
) -> np.ndarray:
    """Returns a rectangle, with rounded corners where `corner` is their radius."""
    if corner <= 0.0:
        return polygon(left, top, right, top, right, bottom, left, bottom)
    centres = polygon(right - corner, bottom - corner, left + corner, bottom - corner)
    centres = np.concatenate([centres, centres[::-1] * (1, 0) + (0, top + corner)])
    arcs = [
        arc(x, y, corner, corner, (TURN * number / 4, TURN * (number + 1) / 4), 4)
        for number, (x, y) in enumerate(centres)
    ]
    return np.concatenate(arcs)


def ellipse(
    x: float, y: float, width: float, height: float | None = None, count: int = 24
) -> np.ndarray:
    """Returns `count` points of an ellipse about (x, y).

    Args:
        x: Of the centre.
        y: Of the centre.
        width: Half axis along x.
        height: Half axis along y; as wide where it is None.
        count: Points.
    """
    return _circle(count) * (width, width if height is None else height) + (x, y)


@functools.lru_cache
def _circle(count: int) -> np.ndarray:
    angles = np.arange(count) * (TURN / count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def arc(
    x: float, y: float, width: float, height: float, span: tuple[float, float], count: int = 24
) -> np.ndarray:
    """Returns points of an ellipse between two angles, clockwise from the right; both included."""
    angles = np.linspace(*span, count)
    return np.stack([x + width * np.cos(angles), y + height * np.sin(angles)], axis=1)


def band(curve: np.ndarray, width: float, end_width: float | None = None) -> np.ndarray:
    """Returns the outline of a curve drawn with a broad pen.

    Args:
        curve: float [n, 2], two points or more.
        width: Of the pen at the beginning.
        end_width: Of the pen at the end; the same where it is None.
    """
    along = np.empty_like(curve)
    along[1:-1] = curve[2:] - curve[:-2]
    along[0], along[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    along /= np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9
    half = width / 2
    if end_width is not None:
        half = half + _steps(len(curve)) * (end_width - width) / 2
    side = along[:, ::-1] * (-1.0, 1.0) * half
    return np.concatenate([curve + side, (curve - side)[::-1]])


@functools.lru_cache
def _steps(count: int) -> np.ndarray:
    return np.linspace(0.0, 1.0, count)[:, None]


def line(*corners: float, width: float, end_width: float | None = None) -> np.ndarray:
    """Returns a thick line through x, y, x, y and so on."""
    return band(polygon(*corners), width, end_width)


def rays(
    count: int, inner: float, outer: float, width: float, turn: float = 0.0
) -> list[np.ndarray]:
    """Returns lines away from the origin, from one radius to another."""
    ray = rectangle(inner, -width / 2, outer, width / 2)
    return [turned(ray, turn + number * TURN / count) for number in range(count)]


def traced(numbers: str) -> np.ndarray:
    """Returns the polygon of x, y, x, y and so on in a text, for those of many corners."""
    return polygon(*(float(number) for number in numbers.split()))


def bow(*corners: float, count: int = 10) -> np.ndarray:
    """Returns points of the quadratic curve from the first to the third of three points."""
    first, middle, last = polygon(*corners)
    t = _steps(count)
    return (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last


def star(
    x: float, y: float, outer: float, inner: float, count: int = 5, turn: float = 0.0
) -> np.ndarray:
    """Returns a star with one point up, or turned by `turn` radians."""
    angles = turn - TURN / 4 + np.arange(2 * count) * TURN / (2 * count)
    radii = np.where(np.arange(2 * count) % 2, inner, outer)
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)


def turned(points: np.ndarray, angle: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """Turns points clockwise about (x, y)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return (points - (x, y)) @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y)


def mirrored(points: np.ndarray) -> np.ndarray:
    """Swaps left and right."""
    return points * (-1.0, 1.0)


def both_sides(parts: Sequence[Part]) -> list[Part]:
    """Returns parts with their mirror images."""
    return [*parts, *(part._replace(points=mirrored(part.points)) for part in parts)]
