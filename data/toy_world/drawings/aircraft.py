"""What flies by an engine."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    GREY,
    STEEL,
    TURN,
    WHITE,
    Color,
    Part,
    arc,
    both_sides,
    bow,
    ellipse,
    line,
    mark,
    polygon,
    rectangle,
    shade,
)


def plane(rng: np.random.Generator, body: Color) -> list[Part]:
    """An airliner, from above or from the side."""
    accent = [(0.85, 0.2, 0.2), (0.2, 0.4, 0.85), (0.95, 0.6, 0.15)][rng.integers(3)]
    return (
        _from_above(rng, body, accent) if rng.random() < 0.5 else _from_the_side(rng, body, accent)
    )


def _from_above(rng: np.random.Generator, body: Color, accent: Color) -> list[Part]:
    sweep = rng.uniform(0.2, 0.45)
    wing = polygon(0.1, -0.25, 0.98, sweep, 0.98, sweep + 0.16, 0.1, 0.2)
    tail = polygon(0.05, 0.68, 0.4, 0.85, 0.4, 0.95, 0.05, 0.88)
    engine = Part(ellipse(0.45, 0.05 + sweep / 3, 0.08, 0.17), GREY)
    return [
        *both_sides([engine, Part(wing, shade(body, 0.9)), Part(tail, accent)]),
        Part(
            np.concatenate(
                [
                    arc(0, -0.7, 0.15, 0.3, (TURN / 2, TURN)),
                    polygon(0.15, 0.5, 0.05, 0.98, -0.05, 0.98, -0.15, 0.5),
                ]
            ),
            body,
        ),
        mark(
            polygon(-0.1, -0.78, 0.0, -0.86, 0.1, -0.78, 0.09, -0.7, -0.09, -0.7), (0.2, 0.3, 0.45)
        ),
        mark(line(0.0, 0.6, 0.0, 0.97, width=0.06), accent),
    ]


def _from_the_side(rng: np.random.Generator, body: Color, accent: Color) -> list[Part]:
    fuselage = np.concatenate(
        [
            bow(0.55, -0.2, 0.98, -0.12, 0.98, 0.08),
            bow(0.9, 0.17, 0.3, 0.22, -0.3, 0.18),
            polygon(-0.95, -0.12, -0.9, -0.2),
        ]
    )
    count = int(rng.integers(5, 8))
    windows = [
        mark(ellipse(x, -0.06, 0.045), (0.2, 0.35, 0.55)) for x in np.linspace(-0.5, 0.55, count)
    ]
    return [
        Part(polygon(0.12, -0.16, -0.3, -0.68, -0.42, -0.68, -0.22, -0.16), shade(body, 0.75)),
        Part(polygon(-0.6, -0.16, -0.85, -0.62, -0.98, -0.62, -0.93, -0.14), accent),
        Part(fuselage, body),
        mark(
            polygon(0.95, 0.06, -0.4, 0.08, -0.93, -0.08, -0.93, -0.13, -0.4, 0.01, 0.97, 0.0),
            accent,
        ),
        *windows,
        mark(polygon(0.7, -0.16, 0.86, -0.1, 0.88, -0.03, 0.7, -0.03), (0.2, 0.35, 0.55)),
        Part(polygon(0.2, 0.08, -0.35, 0.62, -0.52, 0.62, -0.2, 0.08), shade(body, 0.85)),
        Part(ellipse(-0.02, 0.34, 0.17, 0.08), GREY),
        Part(polygon(-0.7, -0.05, -0.98, 0.12, -0.98, 0.2, -0.55, 0.0), shade(body, 0.8)),
    ]


def rocket(rng: np.random.Generator, body: Color) -> list[Part]:
    """A pointed body with a round window, fins, and a flame."""
    accent = (0.85, 0.16, 0.16) if body[0] < 0.84 or body[1] > 0.5 else WHITE
    half, flame = rng.uniform(0.27, 0.36), rng.uniform(0.8, 1.0)
    hull = np.concatenate(
        [
            bow(0.0, -1.0, half * 1.3, -0.5, half, 0.55),
            bow(-half, 0.55, -half * 1.3, -0.5, 0.0, -1.0),
        ]
    )
    nose = np.concatenate(
        [
            bow(0.0, -1.0, half * 0.5, -0.8, half * 0.86, -0.45),
            bow(-half * 0.86, -0.45, -half * 0.5, -0.8, 0.0, -1.0),
        ]
    )
    fin = polygon(half - 0.03, 0.1, half + 0.32, 0.5, half + 0.3, 0.78, half - 0.03, 0.55)
    windows = [-0.15] if rng.random() < 0.6 else [-0.2, 0.2]
    parts = [Part(polygon(-0.2, 0.55, 0.0, flame, 0.2, 0.55), (0.98, 0.55, 0.1))]
    parts += [
        mark(polygon(-0.1, 0.55, 0.0, 0.55 + (flame - 0.55) * 0.6, 0.1, 0.55), (1.0, 0.9, 0.3))
    ]
    parts += [*both_sides([Part(fin, accent)]), Part(hull, body), mark(nose, accent)]
    for y in windows:
        parts += [Part(ellipse(0.0, y, 0.16), STEEL), mark(ellipse(0.0, y, 0.11), (0.3, 0.6, 0.85))]
    return [*parts, mark(rectangle(-half * 0.97, 0.42, half * 0.97, 0.52), shade(accent, 0.8))]
