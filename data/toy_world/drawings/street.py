"""What stands along roads and fields."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    BLACK,
    GREY,
    TURN,
    WHITE,
    WOOD,
    Color,
    Part,
    arc,
    both_sides,
    contrast,
    ellipse,
    line,
    mark,
    polygon,
    rectangle,
    shade,
    traced,
    turned,
)


def cone(rng: np.random.Generator, body: Color) -> list[Part]:
    """A traffic cone: a square foot, a slim cone, white stripes."""
    half, count = rng.uniform(0.42, 0.55), int(rng.integers(1, 3))
    parts = [Part(rectangle(-0.85, 0.75, 0.85, 0.97, 0.06), shade(body, 0.85))]
    parts += [Part(polygon(-0.1, -0.97, 0.1, -0.97, half, 0.76, -half, 0.76), body)]
    for middle in ([0.0], [-0.3, 0.3])[count - 1]:
        top, bottom = middle - 0.17, middle + 0.12
        left, right = (0.1 + (half - 0.1) * (y + 0.97) / 1.73 for y in (top, bottom))
        parts.append(mark(polygon(-left, top, left, top, right, bottom, -right, bottom), WHITE))
    return parts


_ARROW = traced("0 -.75  .28 -.42  .1 -.42  .1 -.1  -.1 -.1  -.1 -.42  -.28 -.42")


def sign(rng: np.random.Generator, body: Color) -> list[Part]:
    """A board on a post: an octagon, a triangle, a disc with an arrow, or a pointing board."""
    kind, ink = int(rng.integers(4)), contrast(body)
    edge = WHITE if ink == WHITE else shade(body, 0.6)
    if kind == 0:
        board = turned(ellipse(0, 0, 0.6, count=8), TURN / 16)
        marks = [rectangle(-0.36, -0.5, 0.36, -0.3)]
    elif kind == 1:
        board = polygon(-0.7, 0.45, 0.0, -0.65, 0.7, 0.45)
        marks = [rectangle(-0.06, -0.6, 0.06, -0.22), ellipse(0, -0.1, 0.07)]
        body, edge, ink = WHITE, body, BLACK
    elif kind == 2:
        board, marks = ellipse(0, 0, 0.58), [_ARROW]
    else:
        board = polygon(-0.85, -0.33, 0.55, -0.33, 0.95, 0.0, 0.55, 0.33, -0.85, 0.33)
        marks = [rectangle(-0.6, y, 0.45, y + 0.1) for y in (-0.56, -0.35)]
    post = Part(rectangle(-0.08, -0.2, 0.08, 0.98), WOOD if rng.random() < 0.3 else GREY)
    boards = [Part(board + (0, -0.4), edge), mark(board * 0.82 + (0, -0.4), body)]
    return [post, *boards, *(mark(points, ink) for points in marks)]


def windmill(rng: np.random.Generator, body: Color) -> list[Part]:
    """A tapered house with door and cap, and four vanes of lattice."""
    turn, cap = (
        rng.uniform(0.0, TURN / 4),
        [(0.7, 0.2, 0.15), (0.35, 0.25, 0.2), (0.2, 0.3, 0.5)][rng.integers(3)],
    )
    parts = [Part(polygon(-0.24, -0.35, 0.24, -0.35, 0.42, 0.98, -0.42, 0.98), body)]
    parts += [Part(polygon(-0.3, -0.32, 0.0, -0.68, 0.3, -0.32), cap)]
    parts += [
        mark(rectangle(-0.13, 0.62, 0.13, 0.98), shade(cap, 0.7)),
        mark(rectangle(-0.09, 0.1, 0.09, 0.3), (0.25, 0.35, 0.5)),
    ]
    cloth = WHITE if body[2] < 0.8 else (0.93, 0.85, 0.65)
    for number in range(4):
        angle = turn + number * TURN / 4
        vane = [
            Part(rectangle(0.03, -0.78, 0.25, -0.2), cloth),
            Part(rectangle(-0.035, -0.8, 0.035, 0.0), (0.4, 0.28, 0.18)),
        ]
        vane += [
            mark(rectangle(0.03, y, 0.25, y + 0.035), (0.5, 0.36, 0.24))
            for y in (-0.66, -0.52, -0.38)
        ]
        parts += [part._replace(points=turned(part.points, angle) + (0, -0.3)) for part in vane]
    return [*parts, Part(ellipse(0, -0.3, 0.08), shade(GREY, 0.7))]


def tower(rng: np.random.Generator, body: Color) -> list[Part]:
    """A castle's: courses of stone, battlements, a gate, slits, perhaps a flag."""
    half, teeth = rng.uniform(0.36, 0.46), int(rng.integers(3, 5))
    wall, top = shade(body, 0.95), -0.45
    parts: list[Part] = []
    if rng.random() < 0.6:
        parts += [
            Part(polygon(0.0, -1.0, 0.45, -0.86, 0.0, -0.74), (0.85, 0.2, 0.2)),
            Part(line(0, -1.0, 0, -0.5, width=0.05), BLACK),
        ]
    width = 2 * (half + 0.1) / (2 * teeth - 1)
    lefts = -half - 0.1 + 2 * width * np.arange(teeth)
    parts += [Part(rectangle(x, top - 0.2, x + width, top), wall) for x in lefts]
    parts += [
        Part(rectangle(-half, top, half, 0.98), wall),
        Part(rectangle(-half - 0.1, top - 0.03, half + 0.1, top + 0.2), wall),
    ]
    for row, y in enumerate(np.arange(-0.12, 0.95, 0.2)):
        parts.append(mark(rectangle(-half, y, half, y + 0.025), shade(body, 0.65)))
        joints = np.arange(-half + 0.12 + 0.13 * (row % 2), half, 0.26)
        parts += [
            mark(rectangle(x, y, x + 0.025, min(y + 0.2, 0.98)), shade(body, 0.65)) for x in joints
        ]
    gate = np.concatenate(
        [arc(0, 0.68, 0.17, 0.17, (TURN / 2, TURN), 8), polygon(0.17, 0.98, -0.17, 0.98)]
    )
    slits = [
        mark(rectangle(x - 0.05, 0.06, x + 0.05, 0.32), BLACK)
        for x in ([0.0], [-0.18, 0.18])[rng.integers(2)]
    ]
    return [*parts, Part(gate, (0.32, 0.2, 0.12)), *slits]


def tent(rng: np.random.Generator, body: Color) -> list[Part]:
    """A ridge tent with an open flap and ropes, or a teepee with its poles."""
    if rng.random() < 0.4:
        return _teepee(rng, body)
    shift = rng.uniform(0.55, 0.75)
    inside = shade(body, 0.3)
    return [
        Part(line(-0.35, -0.6, -0.98, 0.7, width=0.04), WOOD),
        Part(line(-0.35 + shift, -0.6, 0.98, 0.65, width=0.04), WOOD),
        Part(polygon(-0.3, -0.62, -0.3 + shift, -0.62, 0.9, 0.6, 0.25, 0.72), shade(body, 0.8)),
        Part(polygon(-0.3, -0.62, 0.28, 0.72, -0.85, 0.72), body),
        mark(polygon(-0.3, -0.42, 0.0, 0.72, -0.58, 0.72), inside),
        Part(polygon(-0.3, -0.42, -0.42, 0.72, -0.62, 0.72), shade(body, 1.35)),
        Part(polygon(-0.3, -0.42, -0.14, 0.72, 0.04, 0.72), shade(body, 1.25)),
    ]


def _teepee(rng: np.random.Generator, body: Color) -> list[Part]:
    stripe, y = contrast(body), rng.uniform(-0.1, 0.2)
    poles = [Part(line(x, -0.98, -0.6 * x, -0.4, width=0.07), WOOD) for x in (-0.22, 0.2, 0.02)]
    half = [0.1 + 0.68 * (value + 0.72) / 1.6 for value in (y, y + 0.17)]
    saw = np.linspace(-half[1], half[1], 9)
    zigzag = np.stack([saw, y + 0.36 + 0.07 * (np.arange(9) % 2)], axis=1)
    return [
        *poles,
        Part(polygon(-0.1, -0.72, 0.1, -0.72, 0.8, 0.9, -0.8, 0.9), body),
        mark(polygon(-half[0], y, half[0], y, half[1], y + 0.17, -half[1], y + 0.17), stripe),
        mark(np.concatenate([zigzag, zigzag[::-1] + (0, 0.07)]), stripe),
        mark(polygon(0.0, -0.1, 0.24, 0.9, -0.24, 0.9), shade(body, 0.3)),
        *both_sides([Part(polygon(0.0, -0.1, 0.24, 0.9, 0.38, 0.9), shade(body, 1.25))]),
    ]
