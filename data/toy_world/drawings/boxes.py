"""Boxes, wrapped or not."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    BLACK,
    WHITE,
    Color,
    Part,
    both_sides,
    bow,
    ellipse,
    line,
    mark,
    polygon,
    rectangle,
    shade,
    traced,
)


def box(rng: np.random.Generator, body: Color) -> list[Part]:
    """In three dimensions: a carton with tape or with open flaps, or a crate of planks."""
    if rng.random() < 0.3:
        return _crate(rng, body)
    back = -0.35 - rng.uniform(0.25, 0.4)
    side = polygon(0.5, -0.35, 0.95, back, 0.95, back + 1.2, 0.5, 0.92)
    lid = polygon(-0.9, -0.35, -0.45, back, 0.95, back, 0.5, -0.35)
    parts = [Part(side, shade(body, 0.7)), Part(rectangle(-0.9, -0.35, 0.5, 0.92), body)]
    if rng.random() < 0.4:
        flap = polygon(-0.45, back, 0.95, back, 0.9, back - 0.3, -0.3, back - 0.3)
        near = polygon(-0.9, -0.35, 0.5, -0.35, 0.42, -0.05, -0.98, -0.05)
        parts = [Part(flap, shade(body, 0.9)), Part(lid, shade(body, 0.35)), *parts]
        parts.append(Part(near, shade(body, 1.2)))
    else:
        tape = shade(body, 1.45)
        strip = polygon(-0.32, -0.35, 0.13, back, 0.36, back, -0.08, -0.35)
        parts += [Part(lid, shade(body, 1.2)), mark(strip, tape)]
        parts.append(mark(rectangle(-0.32, -0.35, -0.08, -0.05), tape))
    arrows = [mark(_ARROW + (x, 0.5), shade(body, 0.45)) for x in (-0.62, -0.22)]
    return [*parts, *arrows, mark(rectangle(0.05, 0.45, 0.38, 0.68), WHITE)]


_ARROW = traced("0 -.2  .16 0  .06 0  .06 .22  -.06 .22  -.06 0  -.16 0")


def _crate(rng: np.random.Generator, body: Color) -> list[Part]:
    planks = int(rng.integers(4, 6))
    edges = np.linspace(-0.9, 0.9, planks + 1)
    parts = [Part(rectangle(-0.9, -0.9, 0.9, 0.9), shade(body, 0.5))]
    parts += [
        mark(rectangle(-0.9, low + 0.02, 0.9, high - 0.02), shade(body, 0.9 + 0.1 * (n % 2)))
        for n, (low, high) in enumerate(zip(edges, edges[1:], strict=False))
    ]
    parts += [Part(line(-0.75, 0.75, 0.75, -0.75, width=0.24), body)]
    if rng.random() < 0.5:
        parts += [Part(line(-0.75, -0.75, 0.75, 0.75, width=0.24), body)]
    frame = [
        rectangle(-0.95, -0.95, -0.7, 0.95),
        rectangle(0.7, -0.95, 0.95, 0.95),
        rectangle(-0.95, -0.95, 0.95, -0.7),
        rectangle(-0.95, 0.7, 0.95, 0.95),
    ]
    nails = [
        mark(ellipse(x, y, 0.05, count=8), BLACK) for x in (-0.82, 0.82) for y in (-0.82, 0.82)
    ]
    return [*parts, *(Part(points, shade(body, 1.15)) for points in frame), *nails]


def gift(rng: np.random.Generator, body: Color) -> list[Part]:
    """A wrapped box with lid, ribbon and bow; the paper plain, dotted or striped."""
    ribbon = (0.97, 0.8, 0.2) if body[1] < 0.5 else (0.85, 0.15, 0.2)
    wide, top = rng.uniform(0.7, 0.88), -0.3
    parts = [Part(rectangle(-wide, top, wide, 0.98), body)]
    paper = rng.integers(3)
    if paper == 1:
        dots = [(x, y) for x in (-0.6, -0.3, 0.3, 0.6) for y in (0.15, 0.42, 0.7)]
        parts += [
            mark(ellipse(x * wide / 0.8, y, 0.07, count=10), shade(body, 1.6)) for x, y in dots
        ]
    elif paper == 2:
        parts += [
            mark(rectangle(-wide, y, wide, y + 0.1), shade(body, 1.4)) for y in (0.15, 0.4, 0.65)
        ]
    parts += [
        mark(rectangle(-0.14, top, 0.14, 0.97), ribbon),
        Part(rectangle(-wide - 0.08, top - 0.12, wide + 0.08, top + 0.16), shade(body, 0.9)),
    ]
    parts += [mark(rectangle(-0.14, top - 0.11, 0.14, top + 0.15), ribbon)]
    loop = np.concatenate(
        [
            bow(0.05, top - 0.12, 0.35, -0.98, 0.6, -0.8),
            bow(0.85, -0.65, 0.6, -0.4, 0.05, top - 0.12),
        ]
    )
    hollow = (loop - loop.mean(0)) * 0.5 + loop.mean(0)
    return [
        *parts,
        *both_sides([Part(loop, ribbon), mark(hollow, shade(ribbon, 0.55))]),
        Part(ellipse(0, top - 0.2, 0.14), shade(ribbon, 0.9)),
    ]
