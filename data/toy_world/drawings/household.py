"""What stands or lies in a living room."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    BLACK,
    GOLD,
    GREY,
    TURN,
    WHITE,
    WOOD,
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


def clock(rng: np.random.Generator, body: Color) -> list[Part]:
    """A rim, a pale face, ticks, two hands; at times bells and feet of an alarm clock."""
    parts: list[Part] = []
    if rng.random() < 0.4:
        half = [
            Part(ellipse(0.5, -0.82, 0.26, 0.2), shade(body, 0.85)),
            Part(line(0.4, 0.6, 0.68, 0.98, width=0.13), shade(body, 0.8)),
        ]
        parts += [*both_sides(half), Part(rectangle(-0.06, -0.98, 0.06, -0.75), GREY)]
    face = WHITE if rng.random() < 0.75 else (0.96, 0.92, 0.78)
    parts += [Part(ellipse(0, 0, 0.9, count=36), body), Part(ellipse(0, 0, 0.72, count=32), face)]
    for number in range(12):
        tick = (
            rectangle(-0.03, -0.68, 0.03, -0.56)
            if number % 3
            else rectangle(-0.045, -0.68, 0.045, -0.48)
        )
        parts.append(mark(turned(tick, number * TURN / 12), BLACK))
    hour, minute = rng.uniform(0, TURN, 2)
    while np.cos(hour - minute) > 0.85:
        minute = rng.uniform(0, TURN)
    for length, width, angle in ((0.36, 0.11, hour), (0.56, 0.08, minute)):
        parts.append(mark(turned(rectangle(-width / 2, -length, width / 2, 0.08), angle), BLACK))
    return [*parts, mark(ellipse(0, 0, 0.08), (0.8, 0.15, 0.15))]


def lamp(rng: np.random.Generator, body: Color) -> list[Part]:
    """A shade on a stem with a foot, or a lantern with a flame behind glass."""
    if rng.random() < 0.35:
        return _lantern(rng, body)
    top, bottom = rng.uniform(0.25, 0.4), rng.uniform(0.65, 0.8)
    stem = WOOD if rng.random() < 0.4 else shade(GREY, 0.6)
    cloth = polygon(-top, -0.95, top, -0.95, bottom, -0.1, -bottom, -0.1)
    parts = [
        Part(rectangle(-0.07, -0.15, 0.07, 0.85), stem),
        Part(ellipse(0, 0.87, 0.42, 0.12), stem),
    ]
    if rng.random() < 0.5:
        parts.append(Part(ellipse(0, 0.5, 0.22, 0.26), shade(stem, 1.15)))
    parts += [Part(ellipse(0, -0.08, 0.16, 0.16), (1.0, 0.95, 0.65)), Part(cloth, body)]
    parts += [
        mark(
            polygon(-top * 0.3, -0.95, top * 0.3, -0.95, bottom * 0.3, -0.1, -bottom * 0.3, -0.1),
            shade(body, 1.4),
        )
    ]
    edge = bottom - 0.05
    return [
        *parts,
        mark(polygon(-edge, -0.22, edge, -0.22, bottom, -0.1, -bottom, -0.1), shade(body, 0.65)),
    ]


def _lantern(rng: np.random.Generator, body: Color) -> list[Part]:
    half, metal = rng.uniform(0.38, 0.48), shade(body, 0.6)
    flame = np.concatenate(
        [bow(0, -0.25, 0.22, 0.15, 0.0, 0.35), bow(0.0, 0.35, -0.22, 0.15, 0, -0.25)]
    )
    return [
        Part(band(arc(0, -0.65, 0.3, 0.3, (TURN / 2, TURN), 12), 0.08), metal),
        Part(polygon(-0.2, -0.75, 0.2, -0.75, half + 0.12, -0.4, -half - 0.12, -0.4), body),
        Part(rectangle(-half, -0.42, half, 0.72), (1.0, 0.93, 0.65)),
        Part(flame, (0.98, 0.55, 0.1)),
        mark(flame * 0.5 + (0, 0.15), (1.0, 0.9, 0.4)),
        mark(rectangle(-0.09, 0.36, 0.09, 0.72), WHITE),
        *(Part(rectangle(x - 0.045, -0.4, x + 0.045, 0.72), metal) for x in (-half, half)),
        Part(rectangle(-half - 0.12, 0.68, half + 0.12, 0.95, 0.05), body),
    ]


def rug(rng: np.random.Generator, body: Color) -> list[Part]:
    """Woven, with fringes on its short sides, a border, and a row of diamonds or stripes."""
    half, second = (
        rng.uniform(0.52, 0.64),
        [GOLD, WHITE, (0.2, 0.3, 0.55), (0.35, 0.6, 0.45)][rng.integers(4)],
    )
    thread = (0.93, 0.87, 0.7)
    rows = np.linspace(-half + 0.04, half - 0.04, 9)
    fringe = [Part(line(0.8, y, 0.98, y, width=0.07), thread) for y in rows]
    parts = [*both_sides(fringe), Part(rectangle(-0.83, -half, 0.83, half), body)]
    parts += [
        mark(rectangle(-0.74, 0.09 - half, 0.74, half - 0.09), second),
        mark(rectangle(-0.66, 0.17 - half, 0.66, half - 0.17), shade(body, 0.85)),
    ]
    if rng.random() < 0.6:
        for x in np.linspace(-0.42, 0.42, int(rng.integers(2, 4))):
            for size, color in ((1.0, second), (0.6, shade(body, 1.2)), (0.3, thread)):
                wide, high = 0.22 * size, (half - 0.2) * size
                parts.append(mark(polygon(x - wide, 0, x, -high, x + wide, 0, x, high), color))
        return parts
    stripes = np.linspace(-0.58, 0.5, int(rng.integers(4, 7)))
    return [
        *parts,
        *(
            mark(rectangle(x, 0.17 - half, x + 0.09, half - 0.17), [second, thread][n % 2])
            for n, x in enumerate(stripes)
        ),
    ]


def book(rng: np.random.Generator, body: Color) -> list[Part]:
    """Open with lines of text, or closed with spine, pages and a title."""
    return _open_book(rng, body) if rng.random() < 0.5 else _closed_book(rng, body)


def _open_book(rng: np.random.Generator, body: Color) -> list[Part]:
    ink = shade(GREY, 0.75)
    page = [bow(0, -0.42, 0.4, -0.68, 0.88, -0.48), bow(0.88, 0.5, 0.4, 0.3, 0, 0.55)]
    cover = [bow(0, -0.36, 0.5, -0.6, 0.98, -0.45), bow(0.98, 0.62, 0.4, 0.45, 0, 0.68)]
    half = [Part(np.concatenate(cover), body), Part(np.concatenate(page), (0.98, 0.96, 0.88))]
    for y in np.linspace(-0.3, 0.36, 6):
        half.append(mark(band(bow(0.12, y, 0.4, y - 0.17, 0.76, y - 0.06, count=6), 0.05), ink))
    parts = both_sides(half)
    if rng.random() < 0.5:
        picture = polygon(0.18, -0.3, 0.7, -0.4, 0.7, -0.05, 0.18, 0.05)
        parts.append(mark(picture, shade(body, 1.3)))
    return [*parts, mark(line(0, -0.42, 0, 0.6, width=0.05), ink)]


def _closed_book(rng: np.random.Generator, body: Color) -> list[Part]:
    half, spine = rng.uniform(0.55, 0.68), shade(body, 0.7)
    title = GOLD if rng.random() < 0.6 else contrast(body)
    pages = polygon(0.1 - half, 0.75, half + 0.15, 0.75, half + 0.22, 0.95, 0.12 - half, 0.95)
    parts = [Part(pages, (0.95, 0.92, 0.8))]
    parts += [mark(line(0.15 - half, y, half + 0.16, y, width=0.02), GREY) for y in (0.81, 0.87)]
    parts += [Part(rectangle(-half, 0.9, half + 0.2, 0.98), spine)]
    parts += [Part(rectangle(-half, -0.98, half + 0.15, 0.78, 0.04), body)]
    parts += [Part(rectangle(-half, -0.98, 0.2 - half, 0.98, 0.05), spine)]
    bars = ((0.35, -0.7, 0.0, 0.12), (0.45, -0.48, 0.1, 0.08), (0.45, 0.5, 0.1, 0.07))
    for left, top, right, high in bars:
        parts.append(mark(rectangle(left - half, top, half - right, top + high), title))
    return [*parts, mark(ellipse(0.14, 0.1, 0.22), title), mark(ellipse(0.14, 0.1, 0.13), body)]
