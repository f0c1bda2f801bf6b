"""What drives and sails."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    BLACK,
    GLASS,
    GREY,
    STEEL,
    TURN,
    WHITE,
    WOOD,
    Color,
    Part,
    arc,
    band,
    bow,
    contrast,
    ellipse,
    line,
    mark,
    polygon,
    rectangle,
    shade,
)


def boat(rng: np.random.Generator, body: Color) -> list[Part]:
    """A hull with planks, a mast, two sails, and a pennant."""
    top, left, mast = rng.uniform(0.25, 0.4), rng.uniform(-0.98, -0.8), rng.uniform(-0.1, 0.12)
    cloth = WHITE if rng.random() < 0.7 else (0.95, 0.85, 0.6)
    hull = np.concatenate(
        [polygon(left, top, 0.98, top - 0.04), bow(0.98, top, 0.7, 0.9, 0.4, 0.9)]
    )
    hull = np.concatenate([hull, bow(-0.45, 0.9, -0.8, 0.85, left, top)])
    stripes = [mark(rectangle(left + 0.1, top + 0.1, 0.84, top + 0.2), contrast(body))]
    if rng.random() < 0.5:
        stripes += [mark(ellipse(x, top + 0.33, 0.07), GLASS) for x in (-0.4, 0.0, 0.4)]
    return [
        Part(line(mast, -0.98, mast, top, width=0.09), WOOD),
        Part(
            np.concatenate([bow(mast + 0.07, -0.85, 0.7, -0.3, 0.85, 0.12), [(mast + 0.07, 0.12)]]),
            cloth,
        ),
        Part(polygon(mast - 0.07, -0.7, mast - 0.07, 0.12, -0.75, 0.12), shade(cloth, 0.9)),
        Part(polygon(mast, -1.0, mast, -0.82, mast - 0.3, -0.91), (0.85, 0.2, 0.2)),
        Part(hull, body),
        *stripes,
    ]


def sail(rng: np.random.Generator, body: Color) -> list[Part]:
    """A wind surfer's: one tall striped sail, a bent mast and a boom on a thin board."""
    second = contrast(body) if rng.random() < 0.4 else rng.choice([0.9, 0.25, 0.3, 0.65], 3)
    second = tuple(float(value) for value in second)
    mast = bow(-0.35, 0.85, -0.55, -0.3, 0.05, -1.0, count=14)
    leech = bow(0.05, -1.0, 0.75, -0.5, 0.72, 0.55, count=14)
    parts = [Part(np.concatenate([mast[2:], leech, bow(0.72, 0.55, 0.2, 0.6, -0.36, 0.5)]), body)]
    count = int(rng.integers(3, 6))
    for number in range(1, count):
        low, high = (np.array([number, number + 0.5]) / count * 9 + 3).astype(int)
        parts.append(
            mark(np.concatenate([mast[low : high + 1], leech[13 - high : 14 - low]]), second)
        )
    boom = band(bow(-0.42, 0.2, 0.2, 0.02, 0.75, 0.3), 0.07)
    return [
        *parts,
        Part(band(mast, 0.1, 0.05), BLACK),
        Part(boom, shade(GREY, 0.6)),
        Part(ellipse(0.0, 0.9, 0.8, 0.09), shade(second, 1.2)),
    ]


def car(rng: np.random.Generator, body: Color) -> list[Part]:
    """From the side: cabin with two windows, body with door and lights, two wheels."""
    roof, front = rng.uniform(-0.6, -0.42), rng.uniform(0.3, 0.5)
    cabin = polygon(-0.7, 0.0, -0.45, roof, front - 0.15, roof, front + 0.15, 0.0)
    shell = polygon(
        -0.98, 0.02, -0.9, -0.08, 0.55, -0.08, 0.9, 0.05, 0.98, 0.18, 0.98, 0.42, -0.98, 0.42
    )
    wheels = []
    for x in (-0.52, 0.55):
        wheels += [Part(ellipse(x, 0.42, 0.25), BLACK), Part(ellipse(x, 0.42, 0.12), STEEL)]
    return [
        Part(cabin, body),
        mark(polygon(-0.58, -0.06, -0.4, roof + 0.1, -0.16, roof + 0.1, -0.16, -0.06), GLASS),
        mark(
            polygon(-0.06, -0.06, -0.06, roof + 0.1, front - 0.19, roof + 0.1, front, -0.06), GLASS
        ),
        Part(shell, body),
        mark(line(-0.11, -0.05, -0.11, 0.38, width=0.035), shade(body, 0.6)),
        mark(rectangle(0.0, 0.06, 0.14, 0.11), shade(body, 0.45)),
        mark(ellipse(0.9, 0.17, 0.08), (1.0, 0.93, 0.6)),
        mark(rectangle(-0.97, 0.06, -0.88, 0.2), (0.8, 0.12, 0.1)),
        mark(rectangle(-0.98, 0.33, 0.98, 0.42), shade(GREY, 0.7)),
        *wheels,
    ]


def sledge(rng: np.random.Generator, body: Color) -> list[Part]:
    """Two runners that curl up in front, struts, and a seat of slats, with a rope."""
    curl = rng.uniform(0.25, 0.34)
    runner = np.concatenate(
        [
            polygon(-0.95, 0.55),
            polygon(0.45, 0.55),
            arc(0.6, 0.55 - curl, 0.36, curl, (TURN / 4, -TURN / 3), 10),
        ]
    )
    far = runner + (0.1, -0.22)
    seat = polygon(-0.95, 0.0, -0.8, -0.32, 0.62, -0.32, 0.5, 0.0)
    parts = (
        [Part(band(bow(0.62, -0.05, 1.0, -0.1, 1.0, -0.6), 0.05), (0.8, 0.72, 0.5))]
        if rng.random() < 0.4
        else []
    )
    parts += [Part(band(far, 0.09), shade(body, 0.6))]
    for x in (-0.6, 0.2):
        parts += [Part(line(x + 0.1, -0.2, x + 0.12, 0.35, width=0.1), shade(body, 0.6))]
        parts += [Part(line(x, 0.0, x + 0.03, 0.55, width=0.12), shade(body, 0.8))]
    parts += [
        Part(band(runner, 0.12), body if rng.random() < 0.5 else shade(GREY, 0.75)),
        Part(seat, shade(body, 1.2)),
    ]
    rows = np.linspace(0.0, 1.0, int(rng.integers(3, 5)) + 1)[1:-1]
    parts += [
        mark(
            line(-0.95 + 0.15 * r, -0.32 * r, 0.5 + 0.12 * r, -0.32 * r, width=0.05),
            shade(body, 0.45),
        )
        for r in rows
    ]
    return [*parts, Part(line(-0.95, 0.04, 0.5, 0.04, width=0.1), shade(body, 0.9))]


def wheel(rng: np.random.Generator, body: Color) -> list[Part]:
    """A tyre with treads round a rim with spokes, or a wooden wheel where the colour is brown."""
    wooden = body[0] > body[2] + 0.2 and body[1] > 0.3
    count, turn = int(rng.integers(5, 9)), rng.uniform(0.0, TURN)
    hole, spoke = ((0.32, 0.22, 0.14), shade(body, 1.15)) if wooden else ((0.2, 0.2, 0.22), STEEL)
    inner, width = (0.78, 0.13) if wooden else (rng.uniform(0.58, 0.68), 0.17)
    parts = [Part(ellipse(0, 0, 0.98, count=36), body)]
    if not wooden:
        angles = turn + np.arange(20) * TURN / 20
        parts += [
            mark(
                line(
                    0.86 * np.cos(a),
                    0.86 * np.sin(a),
                    0.97 * np.cos(a),
                    0.97 * np.sin(a),
                    width=0.06,
                ),
                shade(body, 1.3),
            )
            for a in angles
        ]
        parts += [Part(ellipse(0, 0, inner + 0.07), spoke)]
    parts += [Part(ellipse(0, 0, inner), hole)]
    for angle in turn + np.arange(count) * TURN / count:
        parts.append(
            Part(line(0, 0, inner * np.cos(angle), inner * np.sin(angle), width=width), spoke)
        )
    return [*parts, Part(ellipse(0, 0, 0.22), spoke), mark(ellipse(0, 0, 0.09), shade(spoke, 0.5))]
