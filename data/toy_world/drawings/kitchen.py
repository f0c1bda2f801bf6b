"""What stands in a kitchen."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    BLACK,
    STEEL,
    TURN,
    WHITE,
    Color,
    Part,
    bow,
    contrast,
    ellipse,
    line,
    mark,
    polygon,
    rectangle,
    shade,
)


def plate(rng: np.random.Generator, body: Color) -> list[Part]:
    """From above or a little aslant: brim, decoration on it, a hollow; often fork and knife."""
    flat, hollow = rng.uniform(0.72, 1.0), rng.uniform(0.56, 0.66)
    blue = [(0.25, 0.4, 0.8), (0.8, 0.3, 0.25), (0.3, 0.55, 0.35), (0.75, 0.6, 0.25)][
        rng.integers(4)
    ]
    accent = blue if body[2] > 0.85 else WHITE
    parts = [Part(ellipse(0, 0, 0.98, 0.98 * flat, count=36), shade(body, 0.97))]
    if rng.random() < 0.5:
        parts += [
            mark(ellipse(0, 0, 0.92, 0.92 * flat), accent),
            mark(ellipse(0, 0, 0.86, 0.86 * flat), body),
        ]
    else:
        middle = (hollow + 0.98) / 2
        around = np.arange(12) * TURN / 12
        parts += [
            mark(ellipse(middle * np.cos(a), middle * flat * np.sin(a), 0.06), accent)
            for a in around
        ]
    parts += [mark(ellipse(0, 0, hollow, hollow * flat), shade(body, 0.72))]
    parts += [mark(ellipse(0, 0.02, hollow - 0.07, (hollow - 0.07) * flat), shade(body, 1.2))]
    return [*parts, *_cutlery(flat)] if rng.random() < 0.75 else parts


def _cutlery(flat: float) -> list[Part]:
    """A fork on the left and a knife on the right, within the plate."""
    long, metal = 0.62 * flat, shade(STEEL, 0.75)
    tines = [
        mark(line(-0.2 + x, -long, -0.2 + x, -0.2 * flat, width=0.05), metal)
        for x in (-0.1, 0.0, 0.1)
    ]
    fork = [
        *tines,
        mark(rectangle(-0.32, -0.3 * flat, -0.08, -0.12 * flat, 0.05), metal),
        mark(line(-0.2, -0.2 * flat, -0.2, long, width=0.08), metal),
    ]
    blade = np.concatenate(
        [polygon(0.16, 0.05), polygon(0.16, -long), bow(0.16, -long, 0.34, -0.4 * flat, 0.3, 0.05)]
    )
    return [
        *fork,
        mark(blade, metal),
        mark(line(0.21, 0.0, 0.21, long, width=0.1), shade(metal, 0.6)),
    ]


def oven(rng: np.random.Generator, body: Color) -> list[Part]:
    """A stove: knobs above, a door with handle and glowing window, plates or a pot on top."""
    knobs, ink = int(rng.integers(3, 6)), contrast(body)
    parts = [Part(rectangle(x, 0.85, x + 0.14, 0.98), BLACK) for x in (-0.66, 0.52)]
    if rng.random() < 0.5:
        parts += [
            Part(rectangle(-0.45, -0.98, 0.1, -0.66, 0.04), (0.75, 0.3, 0.25)),
            Part(line(0.1, -0.88, 0.4, -0.88, width=0.08), BLACK),
        ]
        parts += [Part(line(-0.5, -0.98, 0.15, -0.98, width=0.07), STEEL)]
    parts += [Part(rectangle(x - 0.25, -0.72, x + 0.25, -0.6), BLACK) for x in (-0.4, 0.4)]
    parts += [
        Part(rectangle(-0.78, -0.62, 0.78, 0.88, 0.06), body),
        mark(rectangle(-0.78, -0.3, 0.78, -0.25), shade(body, 0.6)),
    ]
    parts += [Part(ellipse(x, -0.45, 0.09), ink) for x in np.linspace(-0.58, 0.58, knobs)]
    parts += [
        Part(rectangle(-0.5, -0.17, 0.5, -0.08, 0.04), STEEL),
        Part(rectangle(-0.55, 0.06, 0.55, 0.68, 0.06), (0.2, 0.16, 0.15)),
    ]
    if rng.random() < 0.6:
        parts += [
            mark(ellipse(0, 0.52, 0.42, 0.14), (0.95, 0.5, 0.12)),
            mark(ellipse(0, 0.55, 0.26, 0.08), (1.0, 0.85, 0.35)),
        ]
    return [
        *parts,
        *(mark(rectangle(-0.5, y, 0.5, y + 0.045), shade(STEEL, 0.8)) for y in (0.2, 0.4)),
    ]


def bottle(rng: np.random.Generator, body: Color) -> list[Part]:
    """Cap, neck, shoulders, a label with a picture, and a gleam."""
    half, shoulder = rng.uniform(0.26, 0.36), rng.uniform(-0.4, -0.15)
    neck = rng.uniform(0.09, 0.13)
    cap = [(0.85, 0.2, 0.15), (0.75, 0.58, 0.35), (0.9, 0.75, 0.2)][rng.integers(3)]
    right = np.concatenate(
        [
            polygon(neck, -0.85),
            bow(neck, shoulder - 0.2, half, shoulder - 0.1, half, shoulder + 0.2),
            bow(half, 0.9, half, 0.98, half - 0.1, 0.98),
        ]
    )
    outline = np.concatenate([right, right[::-1] * (-1, 1)])
    label, low = (WHITE if rng.random() < 0.6 else (0.95, 0.87, 0.55)), rng.uniform(0.6, 0.75)
    return [
        Part(outline, body),
        Part(rectangle(-neck - 0.03, -0.99, neck + 0.03, -0.8), cap),
        mark(rectangle(-half, 0.15, half, low), label),
        mark(ellipse(0, (0.15 + low) / 2, 0.13), cap),
        mark(rectangle(-half * 0.7, low - 0.1, half * 0.7, low - 0.06), shade(label, 0.6)),
        mark(line(-neck * 0.5, -0.7, -neck * 0.5, shoulder - 0.1, width=0.04), shade(body, 1.6)),
        mark(rectangle(-half + 0.06, shoulder + 0.2, -half + 0.13, 0.12), shade(body, 1.6)),
    ]
