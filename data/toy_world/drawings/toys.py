"""Toys."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    BLACK,
    GOLD,
    GREY,
    TURN,
    WHITE,
    Color,
    Part,
    arc,
    band,
    both_sides,
    bow,
    contrast,
    ellipse,
    line,
    mark,
    polygon,
    rectangle,
    shade,
    turned,
)


def ball(rng: np.random.Generator, body: Color) -> list[Part]:
    """A beach ball with panels, or a basketball with seams."""
    turn = rng.uniform(0, TURN)
    if rng.random() < 0.35:
        seams = [
            polygon(-0.9, 0, 0.9, 0),
            bow(0.0, -0.92, 0.02, 0, 0.0, 0.92),
            bow(-0.62, -0.72, 0.1, 0, -0.62, 0.72),
            bow(0.62, -0.72, -0.1, 0, 0.62, 0.72),
        ]
        lines = [mark(turned(band(curve, 0.075), turn), BLACK) for curve in seams]
        return [Part(ellipse(0, 0, 0.96, count=36), body), *lines, _gleam()]
    second = [(0.97, 0.8, 0.2), (0.2, 0.5, 0.9), (0.25, 0.7, 0.35)][rng.integers(3)]
    colors = [body, WHITE, body, second, body, WHITE] if rng.random() < 0.5 else [body, WHITE] * 3
    pole = 0.45 * np.array([np.cos(turn), np.sin(turn)])
    parts = [Part(ellipse(0, 0, 0.96, count=36), body)]
    for number, color in enumerate(colors):
        start = turn + number * TURN / 6
        rim = arc(0, 0, 0.95, 0.95, (start, start + TURN / 6), 10)
        first, last = (
            bow(*pole, *(1.1 * edge / 2 + pole * 0.3), *edge, count=6) for edge in (rim[0], rim[-1])
        )
        parts.append(mark(np.concatenate([first, rim, last[::-1]]), color))
    return [*parts, mark(ellipse(*pole, 0.13), WHITE), _gleam()]


def _gleam() -> Part:
    return mark(ellipse(-0.42, -0.48, 0.13, 0.09), WHITE)


def kite(rng: np.random.Generator, body: Color) -> list[Part]:
    """A diamond of four panels with crossed spars, and a tail with bows."""
    second = [WHITE, GOLD, (0.25, 0.65, 0.85)][rng.integers(3)]
    wide, cross, sway = rng.uniform(0.45, 0.6), rng.uniform(-0.55, -0.4), rng.uniform(-0.35, 0.35)
    tail = bow(0, 0.2, sway * 2, 0.6, sway / 2, 1.1, count=16)
    parts = [Part(band(tail, 0.06), (0.45, 0.35, 0.3))]
    for x, y in tail[[5, 10, 15]]:
        ribbon = polygon(x, y, x - 0.14, y - 0.09, x - 0.14, y + 0.09, x, y)
        ribbon = np.concatenate([ribbon, polygon(x + 0.14, y - 0.09, x + 0.14, y + 0.09, x, y)])
        parts.append(Part(ribbon, body))
    corners = np.array([(0, -0.98), (wide, cross), (0, 0.25), (-wide, cross)])
    parts.append(Part(corners, body))
    for number in range(4):
        triangle = np.array([corners[number], corners[(number + 1) % 4], (0, cross)])
        parts.append(mark(triangle, second if number % 2 else body))
    spar = shade(body, 0.4)
    return [
        *parts,
        mark(line(0, -0.95, 0, 0.22, width=0.05), spar),
        mark(line(-wide, cross, wide, cross, width=0.05), spar),
    ]


def robot(rng: np.random.Generator, body: Color) -> list[Part]:
    """A square head with eyes and aerials, a chest with dials, arms with grippers, legs."""
    eye = [(0.2, 0.8, 0.9), (0.98, 0.8, 0.2), (0.9, 0.2, 0.2)][rng.integers(3)]
    parts: list[Part] = []
    for x in [0.0] if rng.random() < 0.5 else [-0.25, 0.25]:
        parts.append(Part(line(x * 0.7, -0.7, x, -0.92, width=0.06), GREY))
        parts.append(Part(ellipse(x, -0.92, 0.075), (0.9, 0.25, 0.2)))
    parts += both_sides(_limbs(body, 0.32 + rng.uniform(-0.3, 0.2)))
    parts += [Part(rectangle(-0.1, -0.25, 0.1, -0.05), GREY)]
    parts += [Part(rectangle(-0.46, -0.12, 0.46, 0.56, 0.08), body)]
    parts += [Part(rectangle(-0.42, -0.74, 0.42, -0.18, 0.08), shade(body, 1.12))]
    parts += both_sides(
        [Part(ellipse(0.2, -0.52, 0.13), eye), mark(ellipse(0.2, -0.52, 0.06), BLACK)]
    )
    parts += [mark(rectangle(-0.25, -0.34, 0.25, -0.24), BLACK)]
    parts += [mark(rectangle(x, -0.34, x + 0.03, -0.24), WHITE) for x in (-0.13, 0.0, 0.13)]
    curve = polygon(-0.25, 0.18, -0.1, 0.16, 0.0, 0.06, 0.1, 0.25, 0.25, 0.14)
    parts += [
        Part(rectangle(-0.3, 0.02, 0.3, 0.3, 0.03), contrast(body)),
        mark(band(curve, 0.04), eye),
    ]
    buttons = ((-0.22, (0.9, 0.25, 0.2)), (0.0, (0.98, 0.8, 0.2)), (0.22, (0.3, 0.7, 0.35)))
    return [*parts, *(mark(ellipse(x, 0.43, 0.07), color) for x, color in buttons)]


def _limbs(body: Color, hand: float) -> list[Part]:
    """Returns an arm with its hand at a height, and a leg."""
    joint = shade(body, 0.75)
    gripper = arc(0.79, hand + 0.06, 0.15, 0.15, (-0.15 * TURN, 0.65 * TURN), 14)
    return [
        Part(line(0.42, -0.02, 0.72, 0.1, 0.78, hand, width=0.14), joint),
        Part(gripper, shade(GREY, 0.8)),
        Part(rectangle(0.1, 0.5, 0.3, 0.9), joint),
        Part(rectangle(0.06, 0.84, 0.42, 0.98, 0.05), shade(body, 0.55)),
    ]
