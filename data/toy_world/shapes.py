"""Silhouettes and glyphs as signed distances: negative inside, zero on the outline.

All functions take coordinates in units of the shape's radius (u to the right, v down) and return
approximate distances in the same unit, so that the caller gets a mask by comparing with zero and
an antialiased edge by multiplying with the radius in pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

ShapeFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]

EXTENT = 1.42
"""No silhouette reaches further from its centre than this many radii (aspect up to 1.15)."""


def disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A disc of radius 0.95."""
    return np.hypot(u, v) - 0.95


def square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A square of half side 0.82."""
    return np.maximum(np.abs(u), np.abs(v)) - 0.82


def triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """An equilateral triangle standing on its base."""
    return np.maximum(v - 0.05, 0.866 * np.abs(u) - 0.5 * v - 0.05) - 0.53


def diamond(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A rhombus standing on its sharper corner."""
    return 0.84 * np.abs(u) + 0.54 * np.abs(v) - 0.58


def ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A lying ellipse, about twice as wide as high."""
    return (np.hypot(u / 1.15, v / 0.55) - 1.0) * 0.55


def star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A five-pointed star with one point up."""
    sector = 2.0 * np.pi / 5.0
    angle = np.arctan2(u, -v)
    folded = np.abs((angle + sector / 2) % sector - sector / 2)
    radius = np.hypot(u, v)
    x, y = radius * np.cos(folded), radius * np.sin(folded)
    tip, notch = 1.15, 0.52
    dx, dy = notch * np.cos(sector / 2) - tip, notch * np.sin(sector / 2)
    return ((x - tip) * dy - y * dx) / np.hypot(dx, dy)


def plus(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A plus with arms of half width 0.36."""
    across, along = np.abs(u), np.abs(v)
    return np.minimum(
        np.maximum(across - 1.0, along - 0.36), np.maximum(along - 1.0, across - 0.36)
    )


def arch(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A gate: a round-headed block with a round-headed opening at the bottom."""
    reach = np.where(v < 0.0, np.hypot(u, v), np.abs(u))
    return np.maximum(np.maximum(reach - 0.95, v - 0.9), 0.34 - reach)


def dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A full disc."""
    return np.hypot(u, v) - 0.85


def ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A ring with a wide hole."""
    return np.abs(np.hypot(u, v) - 0.75) - 0.22


def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """An oblique cross (two diagonal bars)."""
    return plus((u + v) * 0.7071, (u - v) * 0.7071) + 0.08


def bar(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A lying bar."""
    return np.maximum(np.abs(u) - 1.0, np.abs(v) - 0.32)


SILHOUETTE_FUNCTIONS: tuple[ShapeFunction, ...] = (
    disc,
    square,
    triangle,
    diamond,
    ellipse,
    star,
    plus,
    arch,
)
"""In the order of `world.SILHOUETTES`."""

GLYPH_FUNCTIONS: tuple[ShapeFunction, ...] = (dot, ring, cross, bar)
"""In the order of `world.GLYPHS`."""


def coverage(distance: np.ndarray, radius: float) -> np.ndarray:
    """Turns distances in radii into the covered fraction of each pixel, 0 to 1."""
    return np.clip(0.5 - distance * radius, 0.0, 1.0)
