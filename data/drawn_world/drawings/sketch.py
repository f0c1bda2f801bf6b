"""A sketch collects the coloured polygons that one thing is made of.

Coordinates run from -1 to 1 over the longer side of a thing, x to the right and y down. Ovals, arcs
and strokes become polygons, so that one affine map places everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

Color = tuple[float, float, float]
Place = tuple[float, float]
Points = Sequence[Place] | Sequence[np.ndarray] | np.ndarray

BROWN, WOOD, METAL = (0.50, 0.31, 0.16), (0.74, 0.54, 0.32), (0.70, 0.72, 0.76)
DARK, WHITE, CREAM = (0.14, 0.14, 0.17), (0.96, 0.96, 0.95), (0.97, 0.91, 0.75)
GLASS, GOLD, STONE = (0.60, 0.82, 0.94), (0.95, 0.76, 0.22), (0.62, 0.61, 0.58)
RED, GREEN, LEAF = (0.84, 0.15, 0.14), (0.20, 0.60, 0.26), (0.33, 0.62, 0.22)


@dataclass(frozen=True)
class Part:
    """One polygon.

    Attributes:
        points: float [n, 2].
        color: RGB, 0 to 1.
        edged: Whether it has a darker outline.
    """

    points: np.ndarray
    color: Color
    edged: bool


@dataclass
class Sketch:
    """A thing in the making: later parts lie over earlier ones.

    Attributes:
        rng: Source of all variation.
        body: Colour of what is not coloured by nature.
    """

    rng: np.random.Generator
    body: Color
    parts: list[Part] = field(default_factory=list)

    def vary(self, value: float, by: float = 0.12) -> float:
        """A value that differs from thing to thing, by at most so large a share of it."""
        return value * (1.0 + self.rng.uniform(-by, by))

    def some(self, low: int, high: int) -> int:
        """A number of details, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        """Whether something is there."""
        return bool(self.rng.random() < share)

    def one_of(self, *choices: Color) -> Color:
        """Any of some colours."""
        return choices[self.rng.integers(len(choices))]

    def fill(self, points: Points, color: Color | None = None, edged: bool = True) -> None:
        """A polygon."""
        corners = np.asarray(points, np.float64).reshape(-1, 2)
        self.parts.append(Part(corners, color or self.body, edged))

    def oval(
        self,
        center: Place,
        radii: float | Place,
        color: Color | None = None,
        turn: float = 0.0,
        edged: bool = True,
    ) -> None:
        """An ellipse by its two radii, or a disc by one; `turn` in degrees."""
        across, down = radii if isinstance(radii, tuple) else (radii, radii)
        self.fill(_turned(_round(across, down, 0, 360), turn) + center, color, edged)

    def slice(
        self,
        center: Place,
        radius: float,
        angles: Place,
        color: Color | None = None,
        edged: bool = True,
    ) -> None:
        """A sector of a disc between two angles in degrees, clockwise from the right."""
        rim = _round(radius, radius, *angles)
        self.fill(np.concatenate([[[0, 0]], rim]) + center, color, edged)

    def arc(
        self,
        center: Place,
        radius: float,
        width: float,
        angles: Place,
        color: Color | None = None,
    ) -> None:
        """A bent stroke between two angles in degrees."""
        sides = (radius + width / 2, radius - width / 2)
        outer, inner = (_round(side, side, *angles) for side in sides)
        self.fill(np.concatenate([outer, inner[::-1]]) + center, color, False)

    def box(
        self,
        sides: tuple[float, float, float, float],
        color: Color | None = None,
        corner: float = 0.0,
        edged: bool = True,
    ) -> None:
        """An upright rectangle by left, top, right and bottom; its corners rounded by a radius."""
        left, top, right, bottom = sides
        corners = [(right, bottom), (left, bottom), (left, top), (right, top)]
        if not corner:
            return self.fill(corners, color, edged)
        inward = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * corner
        rounded = [
            _round(corner, corner, 90 * number, 90 * number + 90) + place + inward[number]
            for number, place in enumerate(np.array(corners))
        ]
        return self.fill(np.concatenate(rounded), color, edged)

    def stroke(
        self, points: Points, width: float, color: Color | None = None, edged: bool = False
    ) -> None:
        """A line through points with square ends, one bar per piece."""
        path = np.asarray(points, np.float64)
        for start, stop in zip(path[:-1], path[1:], strict=True):
            along = (stop - start) / max(np.hypot(*(stop - start)), 1e-6) * width / 2
            side = np.array([-along[1], along[0]])
            bar = [start - along + side, stop + along + side, stop + along - side]
            self.fill([*bar, start - along - side], color, edged)

    def star(
        self,
        center: Place,
        radii: Place,
        points: int = 5,
        color: Color | None = None,
        edged: bool = True,
    ) -> None:
        """A star by the radii of its tips and of its notches, one tip up."""
        angles = np.radians(-90.0 + np.arange(2 * points) * 180.0 / points)
        lengths = np.where(np.arange(2 * points) % 2, radii[1], radii[0])[:, None]
        corners = lengths * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        self.fill(corners + center, color, edged)


Drawing = Callable[[Sketch], None]


def shade(color: Color, factor: float) -> Color:
    """A darker colour, or a paler one where the factor is above 1."""
    if factor <= 1.0:
        return (color[0] * factor, color[1] * factor, color[2] * factor)
    red, green, blue = (1.0 - (1.0 - value) / factor for value in color)
    return (red, green, blue)


def _round(rx: float, ry: float, start: float, stop: float) -> np.ndarray:
    count = max(int(abs(stop - start) / 12.0), 3)
    angles = np.radians(np.linspace(start, stop, count + 1))
    return np.stack([rx * np.cos(angles), ry * np.sin(angles)], axis=1)


def _turned(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])
