"""What runs on electricity."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    BLACK,
    GREY,
    STEEL,
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


def fan(rng: np.random.Generator, body: Color) -> list[Part]:
    """A standing fan: blades behind a round grille, pole and foot."""
    count, turn = int(rng.integers(3, 6)), rng.uniform(0, TURN)
    wire, blade = (
        shade(GREY, 0.55),
        shade((0.45, 0.65, 0.85), 1.1) if body[0] > 0.8 else shade(body, 1.3),
    )
    parts = [Part(rectangle(-0.07, 0.1, 0.07, 0.88), body), Part(ellipse(0, 0.9, 0.45, 0.1), body)]
    parts += [
        Part(ellipse(0, -0.3, 0.68, count=32), body),
        mark(ellipse(0, -0.3, 0.6, count=32), (0.86, 0.89, 0.92)),
    ]
    shape = np.concatenate(
        [bow(0, 0, -0.42, -0.28, -0.1, -0.55), bow(-0.1, -0.55, 0.3, -0.55, 0.1, 0.0)]
    )
    parts += [Part(turned(shape, turn + n * TURN / count) + (0, -0.3), blade) for n in range(count)]
    rays = turn + np.arange(12) * TURN / 12
    parts += [
        mark(line(0, -0.3, 0.6 * np.cos(a), 0.6 * np.sin(a) - 0.3, width=0.025), wire) for a in rays
    ]
    parts += [mark(band(arc(0, -0.3, 0.4, 0.4, (0, TURN - 1e-6), 24), 0.03), wire)]
    return [
        *parts,
        Part(ellipse(0, -0.3, 0.14), body),
        Part(rectangle(-0.13, 0.4, 0.13, 0.58, 0.04), shade(body, 0.8)),
    ]


def radio(rng: np.random.Generator, body: Color) -> list[Part]:
    """A case with handle or aerial, a round speaker, a dial with a needle, knobs."""
    speaker, dial = shade(body, 0.35), (0.97, 0.93, 0.75)
    parts = [
        Part(line(0.5, -0.4, rng.uniform(0.85, 0.98), -0.98, width=0.06), shade(GREY, 0.7)),
        Part(ellipse(0.96, -0.96, 0.05), GREY),
    ]
    if rng.random() < 0.6:
        parts.append(
            Part(
                band(polygon(-0.7, -0.4, -0.66, -0.66, 0.3, -0.66, 0.34, -0.4), 0.09),
                shade(body, 0.7),
            )
        )
    parts += [
        Part(rectangle(-0.98, -0.42, 0.98, 0.68, 0.1), body),
        Part(ellipse(-0.45, 0.13, 0.42), STEEL),
        mark(ellipse(-0.45, 0.13, 0.35), speaker),
    ]
    if rng.random() < 0.5:
        parts += [
            mark(band(arc(-0.45, 0.13, r, r, (0, TURN - 1e-6)), 0.04), GREY) for r in (0.13, 0.24)
        ]
    else:
        grid = [(x, y) for x in np.arange(-2, 3) for y in np.arange(-2, 3) if x * x + y * y < 6]
        parts += [
            mark(ellipse(-0.45 + 0.12 * x, 0.13 + 0.12 * y, 0.035, count=8), GREY) for x, y in grid
        ]
    needle = rng.uniform(0.2, 0.75)
    parts += [
        Part(rectangle(0.1, -0.25, 0.85, 0.08, 0.04), dial),
        mark(rectangle(needle, -0.23, needle + 0.05, 0.06), (0.85, 0.1, 0.1)),
    ]
    parts += [mark(rectangle(x, -0.15, x + 0.03, -0.02), BLACK) for x in np.linspace(0.18, 0.75, 6)]
    return [
        *parts,
        *(Part(ellipse(x, 0.38, 0.14), STEEL) for x in (0.28, 0.68)),
        *(mark(line(x, 0.38, x, 0.27, width=0.05), BLACK) for x in (0.28, 0.68)),
    ]


def phone(rng: np.random.Generator, body: Color) -> list[Part]:
    """One with a screen full of icons, or one with a dial and a receiver."""
    if rng.random() < 0.4:
        return _dial_phone(body)
    half = rng.uniform(0.44, 0.52)
    parts = [
        Part(rectangle(-half, -0.98, half, 0.98, 0.14), body),
        Part(rectangle(-half + 0.07, -0.8, half - 0.07, 0.78), (0.16, 0.3, 0.55)),
    ]
    colors = [
        (0.95, 0.35, 0.3),
        (0.35, 0.8, 0.4),
        (0.98, 0.8, 0.25),
        (0.9, 0.92, 0.95),
        (0.6, 0.45, 0.9),
    ]
    for row, y in enumerate(np.linspace(-0.62, 0.56, 5)):
        for column, x in enumerate((-0.24, 0.0, 0.24)):
            if row != 2 or rng.random() < 0.6:
                color = colors[(3 * row + column + int(rng.integers(2))) % 5]
                parts.append(
                    mark(rectangle(x - 0.085, y - 0.085, x + 0.085, y + 0.085, 0.03), color)
                )
    ink = contrast(body)
    return [
        *parts,
        mark(rectangle(-0.12, -0.91, 0.12, -0.87), ink),
        mark(ellipse(0, 0.88, 0.065), ink),
    ]


def _dial_phone(body: Color) -> list[Part]:
    case = np.concatenate(
        [
            polygon(-0.45, -0.35, 0.45, -0.35),
            bow(0.5, -0.2, 0.6, 0.3, 0.9, 0.55),
            polygon(0.9, 0.8, -0.9, 0.8),
            bow(-0.9, 0.55, -0.6, 0.3, -0.5, -0.2),
        ]
    )
    receiver = np.concatenate(
        [
            bow(-0.98, -0.3, -0.95, -0.85, 0.0, -0.85),
            bow(0.0, -0.85, 0.95, -0.85, 0.98, -0.3),
            polygon(0.55, -0.22, 0.5, -0.5),
            bow(0.4, -0.56, 0.0, -0.6, -0.4, -0.56),
            polygon(-0.5, -0.5, -0.55, -0.22),
        ]
    )
    holes = np.arange(9) * TURN / 11 + 0.8
    return [
        *both_sides([Part(rectangle(0.2, -0.52, 0.34, -0.3), shade(body, 0.7))]),
        Part(case, body),
        Part(receiver, shade(body, 1.12)),
        Part(ellipse(0, 0.24, 0.4), WHITE),
        *(
            mark(
                ellipse(0.27 * np.cos(a), 0.24 + 0.27 * np.sin(a), 0.07, count=10),
                shade(body, 0.45),
            )
            for a in holes
        ),
        mark(ellipse(0, 0.24, 0.14), shade(body, 0.9)),
    ]
