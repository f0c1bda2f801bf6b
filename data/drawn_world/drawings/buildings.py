"""What is built: tent, windmill, tower."""

from __future__ import annotations

import numpy as np

from data.drawn_world.drawings.sketch import BROWN, DARK, GLASS, RED, WHITE, Sketch, shade


def tent(s: Sketch) -> None:
    """Two sloping sides, an opening whose flaps are folded back, ropes, a flag."""
    s.stroke([(-0.55, -0.1), (-1.0, 0.75)], 0.04, DARK)
    s.stroke([(0.55, -0.1), (1.0, 0.75)], 0.04, DARK)
    s.stroke([(0, -0.7), (0, -1.0)], 0.05, BROWN)
    s.fill([(0, -1.0), (0.32, -0.9), (0, -0.8)], s.one_of(RED, WHITE))
    s.fill([(0, -0.75), (0.85, 0.8), (-0.85, 0.8)])
    stripes = s.some(0, 2)
    for number in range(stripes):
        x = 0.45 + 0.2 * number
        for side in (-1, 1):
            s.fill(
                [(0, -0.7), (side * x, 0.79), (side * (x + 0.1), 0.79)],
                shade(s.body, 1.8),
                edged=False,
            )
    s.fill([(0, -0.35), (0.38, 0.8), (-0.38, 0.8)], DARK)
    s.fill([(0, -0.35), (-0.38, 0.8), (-0.52, 0.55)], shade(s.body, 1.4))
    s.fill([(0, -0.35), (0.38, 0.8), (0.52, 0.55)], shade(s.body, 0.75))


def windmill(s: Sketch) -> None:
    """A tapering tower with a cap, door and window, four latticed vanes."""
    s.fill([(-0.28, -0.3), (0.28, -0.3), (0.46, 0.98), (-0.46, 0.98)])
    s.slice((0, -0.28), 0.34, (180, 360), s.one_of(BROWN, RED, DARK))
    s.box((-0.14, 0.6, 0.14, 0.98), BROWN)
    s.box((-0.1, 0.12, 0.1, 0.34), GLASS)
    hub, turn = (np.array([0, -0.3]), s.rng.uniform(20, 70))
    for angle in np.radians(turn + 90 * np.arange(4)):
        way, side = (
            np.array([np.cos(angle), np.sin(angle)]),
            np.array([-np.sin(angle), np.cos(angle)]),
        )
        cloth = [
            hub + 0.2 * way,
            hub + 0.72 * way,
            hub + 0.72 * way + 0.2 * side,
            hub + 0.2 * way + 0.2 * side,
        ]
        s.fill(cloth, WHITE)
        for place in (0.37, 0.54):
            s.stroke([hub + place * way, hub + place * way + 0.2 * side], 0.03, DARK)
        s.stroke([hub, hub + 0.74 * way], 0.07, BROWN)
    s.oval((0, -0.3), 0.1, DARK)


def tower(s: Sketch) -> None:
    """Of a castle: battlements, narrow windows, courses of stone, a gate, a flag."""
    s.stroke([(0, -0.6), (0, -1.0)], 0.05, DARK)
    s.fill([(0.02, -1.0), (0.42, -0.9), (0.02, -0.78)], s.one_of(RED, (0.2, 0.35, 0.85)))
    for x in (-0.5, -0.17, 0.17, 0.5):
        s.box((x - 0.11, -0.72, x + 0.11, -0.45))
    s.box((-0.61, -0.52, 0.61, -0.28), shade(s.body, 0.88))
    width = s.vary(0.48, 0.06)
    s.box((-width, -0.28, width, 0.98))
    for row in range(4):
        y = -0.1 + 0.28 * row
        for x in (-0.3, 0.05)[: s.some(1, 2)]:
            x += 0.12 * (row % 2)
            s.box((x, y, x + 0.2, y + 0.09), shade(s.body, 0.78), edged=False)
    s.box((-0.09, -0.18, 0.09, 0.16), DARK, corner=0.08)
    s.slice((0, 0.7), 0.22, (180, 360), BROWN)
    s.box((-0.22, 0.68, 0.22, 0.98), BROWN)
    s.stroke([(0, 0.52), (0, 0.96)], 0.03, DARK)


DRAWINGS = (tent, windmill, tower)
