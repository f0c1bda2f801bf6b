"""Animals."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    BLACK,
    TURN,
    WHITE,
    Color,
    Part,
    arc,
    band,
    both_sides,
    bow,
    ellipse,
    line,
    mark,
    polygon,
    shade,
    traced,
    turned,
)


def _eye(x: float, y: float, radius: float) -> list[Part]:
    return [Part(ellipse(x, y, radius), WHITE), mark(ellipse(x, y, radius * 0.55), BLACK)]


def fish(rng: np.random.Generator, body: Color) -> list[Part]:
    """From the side: tail, fins, eye, gill, mouth, and scales or stripes."""
    high, dark = rng.uniform(0.4, 0.52), shade(body, 0.7)
    tail = polygon(-0.4, 0.0, -0.98, -0.48, -0.84, 0.0, -0.98, 0.48)
    parts = [Part(tail, dark), Part(polygon(-0.2, -0.3, 0.1, -0.75, 0.45, -0.3), dark)]
    parts += [Part(polygon(-0.1, 0.3, 0.0, 0.68, 0.3, 0.3), dark)]
    parts += [Part(ellipse(0.22, 0.0, 0.74, high), body)]
    if rng.random() < 0.5:
        for x in (-0.22, 0.05, 0.32):
            half = high * np.sqrt(1 - ((x - 0.22) / 0.74) ** 2) - 0.05
            parts.append(mark(band(bow(x, -half, x + 0.1, 0, x, half), 0.12), WHITE))
    else:
        for row, x in enumerate((-0.2, 0.0, 0.2, 0.4)):
            for y in np.arange(-0.2, 0.3, 0.2) + 0.1 * (row % 2) - 0.05:
                parts.append(
                    mark(band(bow(x, y - 0.09, x - 0.14, y, x, y + 0.09, count=5), 0.04), dark)
                )
    parts += [mark(band(bow(0.52, -0.3, 0.4, 0, 0.52, 0.3), 0.05), dark), *_eye(0.68, -0.1, 0.11)]
    fin = polygon(0.35, 0.05, 0.1, 0.02, 0.12, 0.26)
    return [*parts, Part(fin, dark), mark(line(0.8, 0.15, 0.95, 0.1, width=0.06), shade(body, 0.4))]


def starfish(rng: np.random.Generator, body: Color) -> list[Part]:
    """Five thick round-tipped arms with rows of bumps."""
    angles = np.linspace(0, TURN, 100, endpoint=False)
    waist = rng.uniform(0.3, 0.38)
    radii = waist + (0.98 - waist) * np.abs(np.cos(2.5 * angles)) ** rng.uniform(1.6, 2.4)
    outline = radii[:, None] * np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    parts = [Part(outline, body), mark(outline * 0.72, shade(body, 1.15))]
    for arm in range(5):
        bumps = [
            mark(ellipse(0, -d, 0.075 - 0.03 * d), shade(body, 1.65))
            for d in (0.25, 0.42, 0.58, 0.74)
        ]
        parts += [dot._replace(points=turned(dot.points, arm * TURN / 5)) for dot in bumps]
    return [*parts, mark(ellipse(0, 0, 0.09), shade(body, 1.65))]


def crab(rng: np.random.Generator, body: Color) -> list[Part]:
    """A broad shell, eyes on stalks, six legs, and two raised claws."""
    legs, lift = int(rng.integers(3, 5)), rng.uniform(-0.08, 0.08)
    half: list[Part] = []
    for number in range(legs):
        y, out = 0.1 + 0.15 * number, 0.95 - 0.14 * number
        joints = (0.4, y, out - 0.12, y + 0.02, out, y + 0.36)
        half.append(Part(line(*joints, width=0.13, end_width=0.05), shade(body, 0.85)))
    half.append(Part(line(0.45, 0.0, 0.78, -0.18, 0.74, -0.45, width=0.15), shade(body, 0.9)))
    claw = np.concatenate(
        [arc(0.7, -0.66 + lift, 0.27, 0.3, (-0.2 * TURN, 0.68 * TURN), 18), [(0.66, -0.6 + lift)]]
    )
    half.append(Part(claw, body))
    half += [
        Part(line(0.16, -0.1, 0.18, -0.46, width=0.08), shade(body, 0.8)),
        *_eye(0.18, -0.48, 0.11),
    ]
    spots = [
        mark(ellipse(0.25, 0.05, 0.07), shade(body, 1.4)),
        mark(ellipse(0.1, -0.08, 0.05), shade(body, 1.4)),
    ]
    smile = mark(band(bow(-0.17, 0.28, 0.0, 0.38, 0.17, 0.28), 0.05), shade(body, 0.4))
    return [*both_sides(half), Part(ellipse(0, 0.15, 0.58, 0.4), body), *both_sides(spots), smile]


def spider(rng: np.random.Generator, body: Color) -> list[Part]:
    """Eight bent legs, a small head with eyes, a large abdomen with a mark."""
    legs, knee = [], rng.uniform(0.15, 0.3)
    for angle in (-0.95, -0.32, 0.3, 0.9):
        x, y = np.cos(angle), np.sin(angle)
        foot = 0.35 * np.sign(y)
        joints = (0.1, 0.0, 0.55 * x + 0.1, 0.6 * y - knee, 0.72 * x + 0.25, 0.62 * y + foot)
        legs.append(Part(line(*joints, width=0.11, end_width=0.07), shade(body, 0.85)))
    ink = (0.85, 0.15, 0.12) if body[0] < 0.7 else BLACK
    pattern = [mark(polygon(-0.13, 0.22, 0.13, 0.22, -0.13, 0.6, 0.13, 0.6), ink)]
    if rng.random() < 0.5:
        pattern = [mark(line(-0.2, y, 0.2, y, width=0.07), ink) for y in (0.25, 0.42, 0.58)]
    eyes = both_sides(
        [mark(ellipse(0.1, -0.34, 0.075), WHITE), mark(ellipse(0.1, -0.36, 0.035), BLACK)]
    )
    return [
        *both_sides(legs),
        Part(ellipse(0, 0.38, 0.36, 0.44), body),
        *pattern,
        Part(ellipse(0, -0.22, 0.26), body),
        *eyes,
    ]


def bird(rng: np.random.Generator, body: Color) -> list[Part]:
    """From the side, perched with folded wing or in flight with a raised one."""
    beak, dark = (0.97, 0.62, 0.1), shade(body, 0.75)
    parts = [Part(traced("-.35 0  -.98 -.05  -.95 .1  -.92 .25  -.3 .3"), dark)]
    if flying := rng.random() < 0.5:
        parts.append(Part(polygon(0.25, 0.0, 0.1, -0.85, -0.1, -0.6, -0.2, 0.0), dark))
    else:
        legs = [line(x, 0.4, x + 0.02, 0.9, x + 0.14, 0.92, width=0.07) for x in (-0.05, 0.15)]
        parts += [Part(leg, beak) for leg in legs]
    parts += [Part(polygon(0.72, -0.36, 0.99, -0.2, 0.7, -0.14), beak)]
    back, chest = bow(-0.55, 0.1, -0.2, -0.2, 0.2, -0.25), bow(0.72, 0.0, 0.5, 0.72, -0.1, 0.52)
    head = arc(0.5, -0.28, 0.29, 0.29, (TURN / 2, 1.1 * TURN), 14)
    parts += [Part(np.concatenate([back, head, chest]), body)]
    parts += [mark(bow(0.66, 0.02, 0.42, 0.68, -0.05, 0.45), shade(body, 1.5))]
    return [*parts, *_eye(0.56, -0.32, 0.08), *_wing(body, flying)]


def _wing(body: Color, flying: bool) -> list[Part]:
    if flying:
        wing = [bow(0.3, 0.1, -0.2, -0.3, -0.35, -0.98), bow(-0.5, -0.6, -0.5, 0.0, -0.15, 0.22)]
        feather = line(-0.36, -0.5, -0.2, -0.45, width=0.04)
        feathers = [feather + (0.1 * number, 0.24 * number) for number in range(3)]
    else:
        wing = [bow(0.25, -0.05, -0.1, -0.2, -0.6, 0.28), bow(-0.3, 0.45, 0.2, 0.4, 0.25, -0.05)]
        feather = band(bow(-0.35, 0.26, -0.2, 0.3, -0.1, 0.18), 0.04)
        feathers = [feather + (0.14 * number, 0.0) for number in range(3)]
    dark = shade(body, 0.5)
    return [
        Part(np.concatenate(wing), shade(body, 0.8)),
        *(mark(points, dark) for points in feathers),
    ]
