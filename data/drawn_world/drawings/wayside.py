"""What stands or grows by the road: cone, sign, leaf, flower."""

from __future__ import annotations

import numpy as np

from data.drawn_world.drawings.sketch import DARK, GREEN, LEAF, METAL, WHITE, Sketch, shade


def cone(s: Sketch) -> None:
    """Of road works: a blunt cone with white bands on a square foot."""
    s.box((-0.85, 0.72, 0.85, 0.95), shade(s.body, 0.75), corner=0.05)
    s.fill([(-0.12, -0.95), (0.12, -0.95), (0.6, 0.75), (-0.6, 0.75)])
    for y, high in (
        ((-0.5, 0.28), (0.12, 0.3))[: s.some(1, 2)]
        if s.chance(0.4)
        else ((-0.5, 0.28), (0.12, 0.3))
    ):
        low, up = (y + high, y)
        inner, outer = (0.12 + 0.48 * (edge + 0.95) / 1.7 for edge in (up, low))
        s.fill([(-inner, up), (inner, up), (outer, low), (-outer, low)], WHITE, edged=False)


def sign(s: Sketch) -> None:
    """On a post: an octagon with a bar, a triangle with a mark, or a board with an arrow."""
    s.box((-0.07, 0.0, 0.07, 1.0), METAL)
    kind = s.some(0, 2)
    if kind == 0:
        ring = np.radians(22.5 + 45 * np.arange(8))
        s.fill(np.stack([0.72 * np.cos(ring), 0.72 * np.sin(ring) - 0.3], axis=1), WHITE)
        s.fill(
            np.stack([0.62 * np.cos(ring), 0.62 * np.sin(ring) - 0.3], axis=1), s.body, edged=False
        )
        s.box((-0.42, -0.42, 0.42, -0.18), WHITE, edged=False)
    elif kind == 1:
        s.fill([(0, -1.0), (0.82, 0.35), (-0.82, 0.35)], s.body)
        s.fill([(0, -0.72), (0.56, 0.2), (-0.56, 0.2)], WHITE, edged=False)
        s.stroke([(0, -0.4), (0, -0.12)], 0.12, DARK)
        s.oval((0, 0.08), 0.08, DARK, edged=False)
    else:
        s.fill([(-0.85, -0.8), (0.55, -0.8), (0.98, -0.42), (0.55, -0.05), (-0.85, -0.05)], s.body)
        s.stroke([(-0.6, -0.42), (0.35, -0.42)], 0.14, WHITE)
        s.fill([(0.3, -0.68), (0.68, -0.42), (0.3, -0.16)], WHITE, edged=False)


def leaf(s: Sketch) -> None:
    """A pointed blade with a midrib and veins, on a stalk."""
    width = s.vary(0.5, 0.15)
    ys = np.linspace(-0.95, 0.6, 9)
    bulge = width * np.sin(np.linspace(0, np.pi, 9)) ** 0.75
    right = np.stack([bulge, ys], axis=1)
    s.stroke([(0, 0.5), (0.08, 0.98)], 0.08, shade(s.body, 0.55))
    s.fill(np.concatenate([right, right[::-1] * (-1, 1)]))
    for y in np.linspace(-0.5, 0.3, s.some(3, 5)):
        for side in (-1, 1):
            s.stroke([(0, y + 0.12), (side * width * 0.72, y - 0.18)], 0.045, shade(s.body, 0.6))
    s.stroke([(0, -0.8), (0, 0.6)], 0.07, shade(s.body, 0.55))


def flower(s: Sketch) -> None:
    """Petals around a middle, on a stem with two leaves."""
    s.stroke([(0, -0.2), (0, 1.0)], 0.09, GREEN)
    for side in (-1, 1):
        s.oval((side * 0.27, 0.62), (0.28, 0.12), LEAF, turn=-side * 30)
    count = s.some(5, 8)
    size = s.vary(0.27, 0.1)
    for number in range(count):
        angle = 360 * number / count
        x, y = (0.4 * np.cos(np.radians(angle)), 0.4 * np.sin(np.radians(angle)) - 0.35)
        s.oval((x, y), (size, 0.62 * size), turn=angle)
    s.oval((0, -0.35), 0.22, (0.98, 0.82, 0.2) if s.body[1] < 0.7 else (0.5, 0.3, 0.12))
    s.oval((0, -0.35), 0.1, (0.75, 0.5, 0.1), edged=False)


DRAWINGS = (cone, sign, leaf, flower)
