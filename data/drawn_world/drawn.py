"""From a sketch to pixels: placed by an affine map, drawn large, averaged down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from data.drawn_world.drawings.sketch import Part, shade

OVERSAMPLING = 3
"""Pixels are drawn so many times finer along each axis and averaged, for smooth edges."""

REACH = 1.5
"""No part lies further from a thing's centre, in radii; turned corners come nearest."""

EDGE = 0.05
"""Width of outlines in radii; never below a third of a pixel."""


@dataclass(frozen=True)
class Pose:
    """Where and how a thing is drawn, in pixels and radians.

    Attributes:
        x: Centre.
        y: Centre.
        radius: Half of the longer side.
        angle: Turned clockwise.
        aspect: Width over height beyond the drawing's own.
        mirrored: Whether left and right change places.
    """

    x: float
    y: float
    radius: float
    angle: float = 0.0
    aspect: float = 1.0
    mirrored: bool = False


@dataclass(frozen=True)
class Patch:
    """A drawn thing.

    Attributes:
        area: Rows and columns of the picture that it lies in.
        paint: float32 [h, w, 3], its colours times its coverage.
        coverage: float32 [h, w], 0 to 1.
    """

    area: tuple[slice, slice]
    paint: np.ndarray
    coverage: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Boolean [h, w]: the pixels of which it covers at least half."""
        return self.coverage >= 0.5


def draw(parts: list[Part], pose: Pose, size: int) -> Patch:
    """Draws parts into a picture of `size` x `size` pixels; what lies outside is cut off."""
    reach = int(REACH * pose.radius) + 2
    left, top = int(pose.x) - reach, int(pose.y) - reach
    side = 2 * reach * OVERSAMPLING
    colors, covered = Image.new("RGB", (side, side)), Image.new("L", (side, side))
    brushes = ImageDraw.Draw(colors), ImageDraw.Draw(covered)
    edge = max(round(EDGE * pose.radius * OVERSAMPLING), 1)
    for part in parts:
        points = (_placed(part.points, pose) - (left, top)) * OVERSAMPLING - 0.5
        corners = [(float(x), float(y)) for x, y in points]
        line = _bytes(shade(part.color, 0.45)) if part.edged else None
        brushes[0].polygon(corners, _bytes(part.color), line, edge if part.edged else 1)
        brushes[1].polygon(corners, 255)
    paint, coverage = (
        np.asarray(image.reduce(OVERSAMPLING), np.float32) / 255.0 for image in (colors, covered)
    )
    rows, columns = (slice(max(start, 0), min(start + 2 * reach, size)) for start in (top, left))
    inside = tuple(
        slice(part.start - start, max(part.stop - start, part.start - start))
        for part, start in ((rows, top), (columns, left))
    )
    return Patch((rows, columns), paint[inside], coverage[inside])


def _placed(points: np.ndarray, pose: Pose) -> np.ndarray:
    stretch = np.sqrt(pose.aspect)
    scale = np.array([-stretch if pose.mirrored else stretch, 1.0 / stretch]) * pose.radius
    cosine, sine = np.cos(pose.angle), np.sin(pose.angle)
    turned = (points * scale) @ np.array([[cosine, sine], [-sine, cosine]])
    return turned + (pose.x, pose.y)


def _bytes(color: tuple[float, float, float]) -> tuple[int, ...]:
    return tuple(int(min(max(value, 0.0), 1.0) * 255.0 + 0.5) for value in color)
