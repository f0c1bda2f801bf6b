"""What stands in kitchens and on tables: plate, oven, pizza, bread, bottle."""

from __future__ import annotations

import numpy as np

from data.drawn_world.drawings.sketch import (
    CREAM,
    DARK,
    GLASS,
    GREEN,
    METAL,
    RED,
    WHITE,
    Sketch,
    shade,
)


def plate(s: Sketch) -> None:
    """White from above, a coloured band, the hollow in the middle; fork and knife beside it."""
    for x in (-0.93, -0.85, -0.77):
        s.stroke([(x, -0.6), (x, -0.25)], 0.05, METAL)
    s.box((-0.97, -0.3, -0.73, -0.18), METAL)
    s.stroke([(-0.85, -0.2), (-0.85, 0.65)], 0.1, METAL)
    s.box((0.78, -0.65, 0.96, 0.1), METAL, corner=0.08)
    s.stroke([(0.87, 0.0), (0.87, 0.65)], 0.1, DARK)
    s.oval((0, 0), 0.68, WHITE)
    s.oval((0, 0), 0.61, edged=False)
    s.oval((0, 0), s.vary(0.53, 0.04), WHITE, edged=False)
    s.oval((0, 0), 0.38, shade(WHITE, 0.8), edged=False)
    s.oval((0.015, 0.015), 0.35, shade(WHITE, 0.95), edged=False)


def oven(s: Sketch) -> None:
    """A row of knobs over a door with a dark window and a handle."""
    s.box((-0.8, -0.92, 0.8, 0.88), corner=0.06)
    s.box((-0.8, -0.92, 0.8, -0.5), shade(s.body, 0.7))
    for x in np.linspace(-0.58, 0.58, s.some(3, 5)):
        s.oval((x, -0.71), 0.12, WHITE)
        s.stroke([(x, -0.71), (x, -0.8)], 0.04, DARK)
    s.stroke([(-0.55, -0.34), (0.55, -0.34)], 0.1, METAL, edged=True)
    s.box((-0.58, -0.18, 0.58, 0.58), DARK, corner=0.08)
    glow = s.one_of((0.95, 0.55, 0.15), (0.3, 0.3, 0.34))
    s.box((-0.46, -0.06, 0.46, 0.46), shade(glow, 0.7), corner=0.04, edged=False)
    for y in (0.12, 0.3):
        s.stroke([(-0.44, y), (0.44, y)], 0.05, METAL)
    for x in (-0.65, 0.65):
        s.box((x - 0.1, 0.86, x + 0.1, 1.0), DARK)


def pizza(s: Sketch) -> None:
    """A slice with its crust on top, or a whole one in slices; sausage and herbs."""
    cheese, crust = ((0.97, 0.8, 0.36), (0.76, 0.5, 0.22))
    spots = [(-0.32, -0.35), (0.3, -0.38), (0.0, 0.02), (0.02, 0.45), (-0.02, -0.45)]
    if s.chance(0.5):
        s.fill([(-0.85, -0.55), (0.85, -0.55), (0, 1.0)], cheese)
        s.box((-0.95, -0.85, 0.95, -0.5), crust, corner=0.16)
        size, places = (0.19, spots[: s.some(4, 4)])
    else:
        s.oval((0, 0), 0.96, crust)
        s.oval((0, 0), 0.8, cheese, edged=False)
        places = [(0.5 * np.cos(a), 0.5 * np.sin(a)) for a in np.radians(30 + 60 * np.arange(6))]
        size = 0.17
        for angle in np.radians([0, 60, 120]):
            end = np.array([np.cos(angle), np.sin(angle)]) * 0.85
            s.stroke([-end, end], 0.04, shade(crust, 0.8))
    for x, y in places:
        s.oval((x, y), s.vary(size), (0.78, 0.16, 0.12))
    for x, y in places[:: s.some(1, 2)]:
        s.fill([(x + 0.2, y + 0.1), (x + 0.32, y + 0.14), (x + 0.22, y + 0.22)], GREEN, edged=False)


def bread(s: Sketch) -> None:
    """A loaf with its cut side in front: brown crust, pale inside."""
    crust = shade((0.72, 0.45, 0.2), s.vary(1.0, 0.15))
    s.fill([(-0.05, -0.62), (0.8, -0.62), (0.98, -0.35), (0.9, 0.55), (-0.05, 0.62)], crust)
    for x in np.linspace(0.35, 0.75, s.some(2, 3)):
        s.stroke([(x, -0.58), (x + 0.08, -0.1)], 0.05, shade(crust, 0.65))
    s.box((-0.85, -0.2, 0.2, 0.65), crust)
    for x in (-0.58, -0.07):
        s.oval((x, -0.3), (0.42, 0.36), crust)
    s.box((-0.72, -0.2, 0.07, 0.52), CREAM, edged=False)
    for x in (-0.54, -0.11):
        s.oval((x, -0.24), (0.31, 0.26), CREAM, edged=False)
    for _ in range(s.some(3, 6)):
        x, y = (s.rng.uniform(-0.6, -0.05), s.rng.uniform(-0.3, 0.4))
        s.oval((x, y), 0.045, shade(CREAM, 0.8), edged=False)


def bottle(s: Sketch) -> None:
    """A neck with a cap, shoulders, a paper label."""
    width = s.vary(0.34, 0.1)
    s.box((-0.16, -1.0, 0.16, -0.82), s.one_of(RED, DARK, (0.9, 0.75, 0.2)))
    shoulder = s.vary(-0.35, 0.15)
    s.fill(
        [
            (-0.12, -0.84),
            (0.12, -0.84),
            (0.13, shoulder - 0.1),
            (width, shoulder + 0.15),
            (width, 0.95),
            (-width, 0.95),
            (-width, shoulder + 0.15),
            (-0.13, shoulder - 0.1),
        ]
    )
    s.box((-width, 0.1, width, 0.6), WHITE)
    s.box((-0.2, 0.2, 0.2, 0.3), shade(s.body, 0.6), edged=False)
    s.box((-0.15, 0.4, 0.15, 0.48), shade(s.body, 0.6), edged=False)
    s.stroke([(-width + 0.1, -0.05), (-width + 0.1, 0.05)], 0.07, shade(s.body, 2.2))
    s.stroke([(-0.04, -0.7), (-0.04, shoulder)], 0.05, shade(s.body, 2.2))
    s.stroke([(-width + 0.1, 0.68), (-width + 0.1, 0.85)], 0.07, GLASS)


DRAWINGS = (plate, oven, pizza, bread, bottle)
