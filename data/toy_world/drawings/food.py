"""What is eaten."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    GREEN,
    TURN,
    Color,
    Part,
    arc,
    band,
    bow,
    ellipse,
    line,
    mark,
    polygon,
    rectangle,
    shade,
    turned,
)

CRUST: Color = (0.80, 0.55, 0.25)
SALAMI: Color = (0.80, 0.18, 0.12)


def pizza(rng: np.random.Generator, body: Color) -> list[Part]:
    """A slice with dripping cheese, or a round one, cut, from which a slice may be missing."""
    return _slice(rng, body) if rng.random() < 0.45 else _round_pizza(rng, body)


def _slice(rng: np.random.Generator, cheese: Color) -> list[Part]:
    tip = rng.uniform(-0.15, 0.15)
    drip = polygon(
        -0.72, -0.55, 0.72, -0.55, 0.42, 0.12, 0.34, 0.34, 0.24, 0.3, tip, 0.97, -0.3, 0.2
    )
    parts = [Part(drip, cheese)]
    places = rng.permutation(
        [(-0.35, -0.3), (0.32, -0.28), (0.02, 0.12), (0.0, -0.4), (-0.05, 0.5)]
    )[: rng.integers(3, 6)]
    for number, (x, y) in enumerate(places):
        radius = 0.17 if y < 0.4 else 0.1
        parts += [
            Part(ellipse(x, y, radius), SALAMI),
            mark(ellipse(x, y, radius * 0.5), shade(SALAMI, 1.25)),
        ]
        parts += (
            [mark(line(x + 0.2, y + 0.12, x + 0.3, y + 0.02, width=0.06), GREEN)]
            if number % 2
            else []
        )
    crust = np.concatenate(
        [bow(-0.85, -0.6, 0.0, -1.05, 0.85, -0.6), bow(0.88, -0.4, 0.0, -0.75, -0.88, -0.4)]
    )
    return [
        *parts,
        Part(crust, CRUST),
        mark(band(bow(-0.7, -0.62, 0, -0.92, 0.7, -0.62), 0.06), shade(CRUST, 1.3)),
    ]


def _round_pizza(rng: np.random.Generator, cheese: Color) -> list[Part]:
    start, first = rng.uniform(0, TURN), int(rng.random() < 0.6)  # the first eighth may be gone
    parts = [
        Part(_disc(radius, start, first), color, radius > 0.9)
        for radius, color in ((0.98, CRUST), (0.84, shade(SALAMI, 0.9)), (0.79, cheese))
    ]
    for number in range(first, 8):
        angle = start + (number + 0.5) * TURN / 8
        for far, turn in ((0.58, 0.0), (0.32, 0.25)) if number % 2 else ((0.5, 0.0),):
            x, y = far * np.cos(angle + turn), far * np.sin(angle + turn)
            parts += [Part(ellipse(x, y, 0.14), SALAMI)]
            parts += [mark(ellipse(x, y, 0.07), shade(SALAMI, 1.25))]
        x, y = 0.7 * np.cos(angle + 0.22), 0.7 * np.sin(angle + 0.22)
        parts.append(mark(line(x - 0.06, y, x + 0.06, y + 0.05, width=0.06), GREEN))
    cuts = [turned(rectangle(0.1, -0.02, 0.9, 0.02), start + n * TURN / 8) for n in (0, 2, 4, 6)]
    return [*parts, *(mark(cut, shade(CRUST, 0.7)) for cut in cuts)]


def _disc(radius: float, start: float, first: int) -> np.ndarray:
    """Returns a disc from which the first eighths after an angle are missing."""
    if not first:
        return ellipse(0, 0, radius, count=32)
    span = (start + first * TURN / 8, start + TURN)
    return np.concatenate([[(0, 0)], arc(0, 0, radius, radius, span, 32)])


def bread(rng: np.random.Generator, body: Color) -> list[Part]:
    """A loaf with a cut face, a slice of toast, or a long loaf with scores."""
    crumb, kind = (0.97, 0.88, 0.66), rng.random()
    top = [
        bow(-0.6, 0.75, -0.5, 0.1, -0.72, -0.05),
        bow(-0.98, -0.35, -0.6, -0.75, 0, -0.72),
        bow(0, -0.72, 0.6, -0.75, 0.98, -0.35),
        bow(0.72, -0.05, 0.5, 0.1, 0.6, 0.75),
    ]
    face = np.concatenate(top)
    if kind < 0.3:
        pores = [
            mark(ellipse(*rng.uniform(-0.35, 0.35, 2), 0.05, 0.035), shade(crumb, 0.85))
            for _ in range(6)
        ]
        return [Part(face, body), mark(face * 0.84, crumb), *pores]
    if kind < 0.6:
        near = face * (0.45, 0.8) + (-0.5, 0.1)
        far = near + (0.95, 0.0)
        right = far[20:]
        back = np.concatenate([near[:20], right, [near[-1]]])
        scores = [
            mark(band(bow(x, -0.42, x + 0.12, -0.3, x + 0.08, -0.05), 0.06), shade(body, 0.65))
            for x in (-0.1, 0.2, 0.5)
        ]
        return [
            Part(back, body),
            *scores,
            Part(near, shade(body, 0.9)),
            mark((near + (0.5, -0.1)) * 0.82 + (-0.5, 0.1), crumb),
        ]
    parts = [Part(ellipse(0, 0, 0.98, rng.uniform(0.32, 0.45)), body)]
    for x in np.linspace(-0.6, 0.6, int(rng.integers(4, 6))):
        half = 0.2 * np.sqrt(1 - x * x) + 0.06
        parts.append(
            mark(line(x - 0.1, half, x, 0, x + 0.14, -half, width=0.12, end_width=0.07), crumb)
        )
    return parts
