"""Animals: fish, bird, starfish, crab, spider."""

from __future__ import annotations

import numpy as np

from data.drawn_world.drawings.sketch import DARK, GOLD, WHITE, Sketch, shade


def fish(s: Sketch) -> None:
    """Swims to the right: tail, fins, scales, gill, an eye."""
    height = s.vary(0.48)
    s.fill([(-0.55, 0), (-1.0, -0.45), (-0.88, 0), (-1.0, 0.45)], shade(s.body, 0.75))
    s.fill([(-0.2, -0.3), (0.1, -0.75), (0.4, -0.3)], shade(s.body, 0.75))
    s.fill([(0.0, 0.3), (0.0, 0.68), (0.3, 0.3)], shade(s.body, 0.75))
    s.oval((0.15, 0), (0.8, height))
    for column in range(s.some(2, 4)):
        for row in (-0.16, 0.08, 0.3):
            x = -0.4 + 0.24 * column
            s.arc((x, row), 0.13, 0.05, (-80, 80), shade(s.body, 0.65))
    s.arc((0.42, 0), 0.32, 0.06, (-55, 55), shade(s.body, 0.55))
    eye(s, 0.68, -0.12, 0.12)


def bird(s: Sketch) -> None:
    """Stands sideways: beak, wing, tail, two legs."""
    for x in (-0.1, 0.15):
        s.stroke([(x, 0.45), (x, 0.9), (x + 0.2, 0.92)], 0.09, (0.85, 0.5, 0.1))
    s.fill(
        [(-0.45, 0.1), (-1.0, s.vary(-0.2, 0.8)), (-0.95, 0.25), (-0.4, 0.4)], shade(s.body, 0.7)
    )
    s.oval((0, 0.15), (s.vary(0.62, 0.08), s.vary(0.42)), turn=-12)
    s.fill([(0.72, -0.55), (1.0, -0.4), (0.7, -0.28)], (0.95, 0.6, 0.12))
    s.oval((0.48, -0.42), 0.33)
    wing = [(-0.05, -0.1), (0.3, 0.1), (0.05, 0.4), (-0.6, 0.42)]
    s.fill(wing, shade(s.body, 0.65))
    eye(s, 0.58, -0.5, 0.1)


def starfish(s: Sketch) -> None:
    """Five thick arms with dots along them."""
    turn = s.rng.uniform(0, 72)
    angles = np.radians(turn + 72 * np.arange(5))
    for angle in angles:
        along, side = (
            np.array([np.cos(angle), np.sin(angle)]),
            np.array([-np.sin(angle), np.cos(angle)]),
        )
        arm = [-0.3 * side, 0.75 * along - 0.17 * side, 0.95 * along, 0.75 * along + 0.17 * side]
        s.fill([*arm, 0.3 * side], edged=True)
    s.oval((0, 0), 0.36, edged=False)
    for angle in angles:
        for distance in (0.22, 0.42, 0.6, 0.76)[: s.some(3, 4)]:
            s.oval(
                (distance * np.cos(angle), distance * np.sin(angle)),
                0.06,
                shade(s.body, 1.9),
                edged=False,
            )
    s.oval((0, 0), 0.08, shade(s.body, 1.9), edged=False)


def crab(s: Sketch) -> None:
    """A wide shell, two raised claws, bent legs, eyes on stalks."""
    dark = shade(s.body, 0.75)
    for side in (-1, 1):
        for number in range(3):
            y = 0.1 + 0.2 * number
            knee = (side * 0.85, y + 0.05)
            s.stroke([(side * 0.4, y), knee, (side * 0.95, y + 0.35)], 0.11, dark)
        s.stroke([(side * 0.45, 0), (side * 0.8, -0.25)], 0.15, dark)
        s.slice((side * 0.74, -0.5), s.vary(0.32), (-60, 240))
        s.stroke([(side * 0.18, -0.2), (side * 0.2, -0.5)], 0.08, dark)
        eye(s, side * 0.2, -0.52, 0.11)
    s.oval((0, 0.15), (s.vary(0.6, 0.06), s.vary(0.4)))
    s.arc((0, 0.1), 0.22, 0.06, (30, 150), shade(s.body, 0.5))
    for x in (-0.28, 0.0, 0.28):
        s.oval((x, -0.02), 0.06, shade(s.body, 1.6), edged=False)


def spider(s: Sketch) -> None:
    """Eight bent legs around a round body and a small head."""
    for side in (-1, 1):
        for start, knee, foot in (
            (-0.2, -0.75, -0.45),
            (0, -0.35, 0.1),
            (0.1, 0.15, 0.6),
            (0.2, 0.5, 0.98),
        ):
            reach = s.vary(0.62, 0.08)
            s.stroke(
                [(0, start), (side * reach, knee), (side * 0.97, foot)], 0.09, shade(s.body, 0.8)
            )
    s.oval((0, 0.3), (s.vary(0.4), s.vary(0.46)))
    s.oval((0, -0.28), 0.25)
    for x in (-0.1, 0.1):
        s.oval((x, -0.36), 0.075, WHITE, edged=False)
        s.oval((x, -0.37), 0.035, DARK, edged=False)
    if s.chance(0.5):
        s.fill(
            [(0, 0.1), (0.13, 0.3), (0, 0.5), (-0.13, 0.3)],
            s.one_of((0.85, 0.15, 0.12), GOLD, WHITE),
            edged=False,
        )


def eye(s: Sketch, x: float, y: float, r: float) -> None:
    """White with a dark middle."""
    s.oval((x, y), r, WHITE)
    s.oval((x + 0.2 * r, y), 0.5 * r, DARK, edged=False)


DRAWINGS = (fish, bird, starfish, crab, spider)
