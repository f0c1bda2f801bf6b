"""What stands about the house: box, book, gift, rug, fan, lamp, phone."""

from __future__ import annotations

import numpy as np

from data.drawn_world.drawings.sketch import (
    CREAM,
    DARK,
    GLASS,
    GOLD,
    METAL,
    RED,
    WHITE,
    Sketch,
    shade,
)


def box(s: Sketch) -> None:
    """A carton seen from a corner, its flaps open or shut with tape."""
    card = s.body
    lift = s.vary(0.3, 0.2)
    if s.chance(0.6):
        s.fill([(-0.75, -0.3), (0.0, -0.3 - lift), (0.75, -0.3), (0, 0.0)], shade(card, 0.45))
        s.fill(
            [(-0.75, -0.3), (0, -0.3 - lift), (-0.3, -0.55 - lift), (-1.0, -0.6)], shade(card, 0.9)
        )
        s.fill([(0.75, -0.3), (0, -0.3 - lift), (0.3, -0.55 - lift), (1.0, -0.6)], shade(card, 1.2))
    else:
        s.fill([(-0.75, -0.3), (0.0, -0.3 - lift), (0.75, -0.3), (0, 0.0)], shade(card, 1.25))
        s.fill([(-0.45, -0.4), (-0.3, -0.46), (0.45, -0.12), (0.3, -0.06)], CREAM, edged=False)
    s.fill([(-0.75, -0.3), (0, 0.0), (0, 0.95), (-0.75, 0.6)], card)
    s.fill([(0.75, -0.3), (0, 0.0), (0, 0.95), (0.75, 0.6)], shade(card, 0.75))
    s.fill([(0.3, -0.12), (0.45, -0.18), (0.45, 0.1), (0.3, 0.16)], CREAM, edged=False)
    s.fill([(-0.62, 0.2), (-0.25, 0.36), (-0.25, 0.6), (-0.62, 0.44)], CREAM, edged=False)


def book(s: Sketch) -> None:
    """Open with lines of text, or shut with a title and the edges of its pages."""
    if s.chance(0.55):
        s.fill([(-1, -0.5), (0, -0.32), (1, -0.5), (1, 0.6), (0, 0.75), (-1, 0.6)])
        for side in (-1, 1):
            s.fill([(side * 0.92, -0.62), (0, -0.42), (0, 0.62), (side * 0.92, 0.48)], WHITE)
            for y in np.linspace(-0.3, 0.3, s.some(4, 5)):
                s.stroke([(side * 0.8, y - 0.08), (side * 0.14, y + 0.06)], 0.06, shade(DARK, 1.8))
        s.stroke([(0, -0.42), (0, 0.65)], 0.05, DARK)
    else:
        s.box((-0.7, -0.92, 0.72, 0.95), corner=0.05)
        s.box((-0.5, 0.72, 0.72, 0.88), CREAM, edged=False)
        s.box((-0.7, -0.92, -0.5, 0.95), shade(s.body, 0.6))
        s.box((-0.3, -0.65, 0.52, -0.2), CREAM)
        for y in (-0.52, -0.34):
            s.stroke([(-0.2, y), (0.42, y)], 0.07, DARK)
        s.star((0.1, 0.25), (0.26, 0.11), 5, GOLD)


def gift(s: Sketch) -> None:
    """A parcel with a ribbon both ways, a lid and a bow on top."""
    ribbon = s.one_of(GOLD, WHITE, RED if s.body[0] < 0.6 else (0.15, 0.3, 0.8))
    s.box((-0.78, -0.2, 0.78, 0.95))
    s.box((-0.14, -0.2, 0.14, 0.95), ribbon, edged=False)
    s.box((-0.88, -0.45, 0.88, -0.12), shade(s.body, 0.8))
    s.box((-0.16, -0.45, 0.16, -0.12), ribbon, edged=False)
    for x in np.linspace(-0.55, 0.55, 4)[:: s.some(1, 3)]:
        s.oval((x, s.rng.uniform(0.1, 0.8)), 0.07, shade(s.body, 1.9), edged=False)
    s.box((-0.78, 0.3, 0.78, 0.5), ribbon, edged=False)
    for side in (-1, 1):
        s.oval((side * 0.34, -0.68), (s.vary(0.36, 0.1), 0.2), ribbon, turn=side * 28)
        s.oval((side * 0.34, -0.68), (0.16, 0.08), shade(ribbon, 0.6), turn=side * 28, edged=False)
    s.oval((0, -0.52), 0.14, ribbon)


def rug(s: Sketch) -> None:
    """Flat, with a border, a row of diamonds and fringes at both ends."""
    for y in np.linspace(-0.52, 0.52, 9):
        for side in (-1, 1):
            s.stroke([(side * 0.85, y), (side * 0.98, y)], 0.06, CREAM)
    s.box((-0.88, -0.6, 0.88, 0.6))
    inner = s.one_of(CREAM, GOLD, shade(s.body, 0.5))
    s.box((-0.76, -0.48, 0.76, 0.48), inner, edged=False)
    s.box((-0.68, -0.4, 0.68, 0.4), s.body, edged=False)
    count = s.some(2, 4)
    for x in (np.arange(count) + 0.5) * 1.3 / count - 0.65:
        w = 0.55 / count
        s.fill([(x - w, 0), (x, -0.32), (x + w, 0), (x, 0.32)], inner)
        s.fill(
            [(x - w / 2, 0), (x, -0.16), (x + w / 2, 0), (x, 0.16)], shade(s.body, 0.6), edged=False
        )


def fan(s: Sketch) -> None:
    """Blades behind a round grille, on a stand with a foot."""
    s.box((-0.07, 0.2, 0.07, 0.85), METAL)
    s.oval((0, 0.88), (0.45, 0.12), shade(s.body, 0.7))
    s.oval((0, -0.3), 0.7, shade(WHITE, 0.92))
    count, turn = (s.some(3, 4), s.rng.uniform(0, 120))
    for number in range(count):
        angle = turn + 360 * number / count
        x, y = (0.32 * np.cos(np.radians(angle)), 0.32 * np.sin(np.radians(angle)) - 0.3)
        s.oval((x, y), (0.32, 0.19), turn=angle + 20)
    for r in (0.7, 0.47):
        s.arc((0, -0.3), r, 0.05, (0, 360), shade(METAL, 0.7))
    for angle in np.radians(np.arange(0, 180, 30)):
        end = np.array([np.cos(angle), np.sin(angle)]) * 0.7
        s.stroke([(0, -0.3) - end, (0, -0.3) + end], 0.025, shade(METAL, 0.8))
    s.oval((0, -0.3), 0.15, METAL)


def lamp(s: Sketch) -> None:
    """A table lamp: a wide shade that glows, a stem, a foot."""
    s.box((-0.06, 0.0, 0.06, 0.85), METAL)
    s.oval((0, 0.3), (0.2, s.vary(0.26)), shade(s.body, 0.7))
    s.box((-0.42, 0.82, 0.42, 0.97), shade(s.body, 0.7), corner=0.05)
    top = s.vary(0.34, 0.15)
    s.fill([(-top, -0.95), (top, -0.95), (0.82, 0.02), (-0.82, 0.02)])
    s.fill(
        [(-0.4 * top, -0.9), (0.4 * top, -0.9), (0.4, -0.02), (-0.4, -0.02)],
        shade(s.body, 1.6),
        edged=False,
    )
    s.stroke([(-0.76, -0.06), (0.76, -0.06)], 0.09, shade(s.body, 0.6))
    s.stroke([(0.3, 0.05), (0.3, 0.3)], 0.03, DARK)
    s.oval((0.3, 0.32), 0.05, GOLD, edged=False)


def phone(s: Sketch) -> None:
    """A flat one: dark frame, bright screen with coloured squares, a round button."""
    s.box((-0.52, -0.98, 0.52, 0.98), corner=0.14)
    s.box((-0.43, -0.78, 0.43, 0.68), s.one_of(GLASS, WHITE, (0.2, 0.25, 0.5)))
    s.stroke([(-0.14, -0.88), (0.14, -0.88)], 0.05, METAL)
    s.oval((0, 0.83), 0.09, METAL)
    colors = [RED, GOLD, (0.2, 0.65, 0.3), (0.2, 0.4, 0.9), (0.6, 0.3, 0.7), (0.95, 0.5, 0.1)]
    for row in range(s.some(3, 4)):
        for column in range(3):
            x, y = (-0.27 + 0.27 * column, -0.62 + 0.32 * row)
            s.box(
                (x - 0.09, y - 0.1, x + 0.09, y + 0.1), colors[(2 * row + column) % 6], edged=False
            )


DRAWINGS = (box, book, gift, rug, fan, lamp, phone)
