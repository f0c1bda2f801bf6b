"""What moves: boat, sail, car, plane, rocket, sledge, wheel."""

from __future__ import annotations

import numpy as np

from data.drawn_world.drawings.sketch import (
    DARK,
    GLASS,
    GOLD,
    METAL,
    RED,
    WHITE,
    WOOD,
    Sketch,
    shade,
)


def boat(s: Sketch) -> None:
    """A small steamer: hull, cabin with round windows, funnel with a band."""
    s.box((-0.12, -0.85, 0.18, -0.3), s.one_of(RED, DARK, GOLD))
    s.box((-0.12, -0.7, 0.18, -0.55), WHITE, edged=False)
    s.box((-0.6, -0.35, 0.5, 0.15), WHITE)
    for x in np.linspace(-0.42, 0.32, s.some(3, 4)):
        s.oval((x, -0.1), 0.1, GLASS)
    s.fill([(-0.98, 0.1), (1.0, 0.1), (0.65, 0.75), (-0.7, 0.75)])
    s.fill([(-0.84, 0.42), (0.83, 0.42), (0.78, 0.55), (-0.78, 0.55)], WHITE, edged=False)


def sail(s: Sketch) -> None:
    """A sail alone, as surfers hold it: a bent mast, a tall curved cloth with battens, a boom."""
    belly = s.vary(0.85, 0.1)
    heights = np.linspace(-0.92, 0.72, 9)
    leech = belly * np.sin(np.linspace(0.12, np.pi * 0.86, 9)) + 0.05
    mast = -0.45 + 0.25 * np.linspace(1, 0, 9) ** 2
    cloth = np.concatenate(
        [np.stack([mast, heights], 1), np.stack([mast + leech, heights], 1)[::-1]]
    )
    s.fill(cloth)
    band = shade(s.body, 0.6) if s.chance(0.5) else s.one_of(RED, GOLD, WHITE)
    s.fill([*cloth[3:5], *cloth[13:15]], band, edged=False)
    for row in (2, 5, 7)[: s.some(2, 3)]:
        s.stroke([cloth[row], cloth[17 - row]], 0.045, shade(s.body, 0.55))
    s.stroke(np.stack([mast, heights], 1), 0.09, DARK)
    s.stroke([(mast[-1], 0.7), (mast[-1], 0.98)], 0.09, DARK)
    s.stroke([(mast[5], 0.2), (mast[5] + leech[5] + 0.15, 0.28)], 0.08, WOOD)


def car(s: Sketch) -> None:
    """Sideways: body, cabin with two windows, two wheels, lights."""
    roof = s.vary(-0.52, 0.1)
    s.fill([(-0.55, -0.05), (-0.35, roof), (0.3, roof), (0.58, -0.05)])
    s.fill([(-0.43, -0.06), (-0.28, roof + 0.1), (-0.05, roof + 0.1), (-0.05, -0.06)], GLASS)
    s.fill([(0.03, -0.06), (0.03, roof + 0.1), (0.24, roof + 0.1), (0.45, -0.06)], GLASS)
    s.box((-0.98, -0.08, 0.98, 0.4), corner=0.14)
    s.oval((0.88, 0.08), 0.09, GOLD)
    s.box((-0.97, 0.0, -0.86, 0.16), RED, edged=False)
    s.stroke([(0, 0.0), (0, 0.3)], 0.03, shade(s.body, 0.5))
    for x in (-0.55, 0.55):
        s.oval((x, 0.42), 0.25, DARK)
        s.oval((x, 0.42), 0.11, METAL, edged=False)


def plane(s: Sketch) -> None:
    """From above, nose to the right: wings, tail, windows, engines."""
    sweep = s.vary(0.35, 0.3)
    wing = shade(s.body, 0.75)
    for side in (-1, 1):
        s.fill(
            [
                (0.28, side * 0.1),
                (-0.12 - sweep / 2, side * 0.98),
                (-0.34 - sweep / 2, side * 0.98),
                (-0.15, side * 0.1),
            ],
            wing,
        )
        s.fill(
            [(-0.65, side * 0.08), (-0.92, side * 0.42), (-1.0, side * 0.42), (-0.9, side * 0.05)],
            wing,
        )
        s.box((-0.12, side * 0.45 - 0.08, 0.16, side * 0.45 + 0.08), METAL, corner=0.05)
    s.oval((0, 0), (1.0, 0.17))
    s.fill([(0.72, -0.1), (0.86, -0.06), (0.86, 0.06), (0.72, 0.1)], DARK, edged=False)
    for x in np.linspace(-0.6, 0.5, s.some(5, 7)):
        s.oval((x, 0), 0.05, GLASS, edged=False)


def rocket(s: Sketch) -> None:
    """Upright: nose, round window, fins, flame."""
    s.fill([(-0.2, 0.62), (0.2, 0.62), (0, 1.0)], (0.98, 0.6, 0.1), edged=False)
    s.fill([(-0.1, 0.62), (0.1, 0.62), (0, 0.85)], (1.0, 0.9, 0.3), edged=False)
    trim = s.one_of(RED, (0.15, 0.3, 0.8), DARK)
    for side in (-1, 1):
        s.fill([(side * 0.25, 0.15), (side * 0.62, 0.7), (side * 0.22, 0.58)], trim)
    width = s.vary(0.3)
    s.fill([(-width, -0.4), (width, -0.4), (0.24, 0.62), (-0.24, 0.62)])
    s.fill(
        [(-width, -0.4), (-0.7 * width, -0.72), (0, -1.0), (0.7 * width, -0.72), (width, -0.4)],
        trim,
    )
    s.oval((0, -0.12), 0.16, METAL)
    s.oval((0, -0.12), 0.1, GLASS, edged=False)
    s.box((-0.26, 0.3, 0.26, 0.4), trim, edged=False)


def sledge(s: Sketch) -> None:
    """Wooden slats over two runners that bend up in front, with a rope."""
    frame = s.one_of(WOOD, shade(WOOD, 0.7))
    s.stroke([(0.72, -0.2), (0.98, -0.75)], 0.05, shade(frame, 0.5))
    for x in (-0.6, 0.0, 0.5):
        s.stroke([(x, 0.0), (x, 0.5)], 0.12, shade(frame, 0.75))
    steel = shade(METAL, 0.55)
    s.stroke([(-0.95, 0.55), (0.55, 0.55)], 0.13, steel)
    s.arc((0.55, 0.13), 0.42, 0.13, (-75, 90), steel)
    s.fill([(-0.95, -0.2), (0.72, -0.2), (0.72, 0.05), (-0.95, 0.05)], s.body)
    for x in np.linspace(-0.7, 0.5, s.some(3, 5)):
        s.stroke([(x, -0.18), (x, 0.03)], 0.05, shade(s.body, 0.6))
    s.stroke([(-0.95, -0.24), (0.72, -0.24)], 0.1, frame)


def wheel(s: Sketch) -> None:
    """A thick tyre, a rim and spokes around a hub."""
    s.oval((0, 0), 0.97, DARK)
    s.oval((0, 0), s.vary(0.7, 0.06), METAL)
    s.oval((0, 0), 0.58, shade(METAL, 0.55))
    count, turn = (s.some(5, 8), s.rng.uniform(0, 360))
    for angle in np.radians(turn + np.arange(count) * 360 / count):
        s.stroke([(0, 0), (0.6 * np.cos(angle), 0.6 * np.sin(angle))], 0.13, s.body)
    s.oval((0, 0), 0.2)
    s.oval((0, 0), 0.08, DARK, edged=False)


DRAWINGS = (boat, sail, car, plane, rocket, sledge, wheel)
