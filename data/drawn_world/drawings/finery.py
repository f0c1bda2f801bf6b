"""Small fine things: coin, gem, badge."""

from __future__ import annotations

import numpy as np

from data.drawn_world.drawings.sketch import GOLD, RED, WHITE, Sketch, shade


def coin(s: Sketch) -> None:
    """Metal: a milled edge, a raised ring, a figure in the middle."""
    s.oval((0, 0), 0.96, shade(s.body, 0.8))
    for angle in np.radians(np.arange(0, 360, 15)):
        way = np.array([np.cos(angle), np.sin(angle)])
        s.stroke([0.84 * way, 0.92 * way], 0.05, shade(s.body, 0.5))
    s.oval((0, 0), 0.8)
    s.arc((0, 0), 0.66, 0.06, (0, 360), shade(s.body, 0.65))
    dark = shade(s.body, 0.5)
    kind = s.some(0, 2)
    if kind == 0:
        s.stroke([(-0.18, -0.25), (0.02, -0.42), (0.02, 0.38)], 0.16, dark)
        s.stroke([(-0.2, 0.4), (0.24, 0.4)], 0.14, dark)
    elif kind == 1:
        s.stroke([(0, -0.5), (0, 0.5)], 0.09, dark)
        s.arc((0, -0.18), 0.2, 0.12, (90, 350), dark)
        s.arc((0, 0.2), 0.2, 0.12, (-90, 170), dark)
    else:
        s.oval((0.02, -0.14), (0.22, 0.27), dark, edged=False)
        s.slice((0, 0.5), 0.38, (180, 360), dark, edged=False)
    s.arc((0, 0), 0.74, 0.07, (200, 260), shade(s.body, 2.2))


def gem(s: Sketch) -> None:
    """A cut stone from the side: a flat top, facets that meet in a point, a glint."""
    top, waist = (s.vary(-0.62, 0.12), -0.15)
    edge = s.vary(0.58, 0.08)
    for left, right, tone in ((-1, -0.4, 0.75), (-0.4, 0.4, 1.0), (0.4, 1, 0.6)):
        s.fill([(left, waist), (right, waist), (0, 0.9)], shade(s.body, tone))
    s.fill([(-1, waist), (-edge, top), (-0.4, waist)], shade(s.body, 1.5))
    s.fill([(-edge, top), (0, top), (-0.4, waist)], shade(s.body, 1.15))
    s.fill([(-0.4, waist), (0, top), (0.4, waist)], shade(s.body, 1.9))
    s.fill([(0, top), (edge, top), (0.4, waist)], shade(s.body, 0.85))
    s.fill([(edge, top), (1, waist), (0.4, waist)], shade(s.body, 1.2))
    if s.chance(0.7):
        s.star((0.62, -0.62), (0.3, 0.07), 4, WHITE, edged=False)


def badge(s: Sketch) -> None:
    """A rosette: a pleated disc with a star, two ribbons hanging down."""
    for side in (-1, 1):
        s.fill(
            [
                (side * 0.08, 0.1),
                (side * 0.5, 0.0),
                (side * 0.62, 0.95),
                (side * 0.36, 0.78),
                (side * 0.14, 0.98),
            ],
            shade(s.body, 0.75),
        )
    s.star((0, -0.28), (0.72, 0.6), s.some(12, 16))
    s.oval((0, -0.28), 0.5, s.one_of(WHITE, GOLD) if s.body != GOLD else RED)
    s.oval((0, -0.28), 0.42, WHITE, edged=False)
    s.star((0, -0.27), (0.36, 0.15), 5, s.body)


DRAWINGS = (coin, gem, badge)
