"""Plants."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    GREEN,
    TURN,
    Color,
    Part,
    band,
    both_sides,
    bow,
    ellipse,
    line,
    mark,
    mirrored,
    polygon,
    shade,
    turned,
)


def flower(rng: np.random.Generator, body: Color) -> list[Part]:
    """Petals round a centre, a stem with leaves; at times the blossom alone."""
    count, alone = int(rng.integers(5, 9)), rng.random() < 0.25
    heart = (0.45, 0.28, 0.1) if body[0] > 0.9 and body[1] > 0.7 else (0.98, 0.8, 0.15)
    parts: list[Part] = []
    if not alone:
        parts += [Part(band(bow(0.0, -0.3, 0.1, 0.4, 0.0, 0.98), 0.09), GREEN)]
        leaf = np.concatenate(
            [bow(0.03, 0.75, 0.15, 0.3, 0.6, 0.3), bow(0.6, 0.3, 0.5, 0.75, 0.03, 0.75)]
        )
        parts += [Part(leaf, GREEN), Part(mirrored(leaf) + (0.03, 0.12), shade(GREEN, 0.9))]
    petal = ellipse(0, -0.37, 0.62 / count + 0.1, 0.25)
    petals = [
        Part(turned(petal, n * TURN / count), shade(body, 1.0 if n % 2 else 0.92))
        for n in range(count)
    ]
    middle = [Part(ellipse(0, 0, 0.22), heart)]
    middle += [
        mark(ellipse(0.1 * np.cos(a), 0.1 * np.sin(a), 0.03), shade(heart, 0.6))
        for a in np.arange(5) * TURN / 5
    ]
    return [
        *parts,
        *(part._replace(points=part.points + (0, -0.36)) for part in [*petals, *middle]),
    ]


def leaf(rng: np.random.Generator, body: Color) -> list[Part]:
    """One leaf with stem and veins: pointed, or of a maple."""
    vein = shade(body, 1.45) if rng.random() < 0.6 else shade(body, 0.6)
    parts = [Part(band(bow(0.0, 0.5, 0.02, 0.8, 0.12, 0.98), 0.08), shade(body, 0.6))]
    if rng.random() < 0.35:
        right = polygon(
            0, -0.98, 0.16, -0.62, 0.36, -0.72, 0.32, -0.3, 0.62, -0.52, 0.68, -0.34, 0.95, -0.3
        )
        right = np.concatenate(
            [right, polygon(0.78, -0.05, 0.86, 0.1, 0.45, 0.35, 0.5, 0.5, 0.0, 0.45)]
        )
        tips = ((0, -0.8), (0.5, -0.36), (0.6, 0.05))
        veins = [line(0, 0.45, x, y, width=0.055, end_width=0.03) for x, y in tips]
        outline = np.concatenate([right, right[::-1] * (-1, 1)])
        return [*parts, Part(outline, body), *both_sides([mark(v, vein) for v in veins])]
    half = rng.uniform(0.75, 1.05)
    outline = np.concatenate(
        [
            bow(0, -0.98, half, -0.2, 0.0, 0.62, count=14),
            bow(0.0, 0.62, -half, -0.2, 0, -0.98, count=14),
        ]
    )
    parts += [Part(outline, body), mark(line(0, -0.85, 0, 0.6, width=0.04, end_width=0.08), vein)]
    rows = np.linspace(-0.45, 0.35, int(rng.integers(3, 6)))
    reach = 0.42 * half * np.sqrt(np.maximum(0.05, 1 - ((rows - 0.22 + 0.3) / 0.8) ** 2))
    veins = [
        mark(line(0, y + 0.1, r, y - 0.14, width=0.045), vein)
        for y, r in zip(rows, reach, strict=True)
    ]
    return [*parts, *both_sides(veins)]
