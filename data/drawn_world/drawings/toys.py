"""Toys: ball, kite, robot, badge, and what makes music or tells the hour."""

from __future__ import annotations

import numpy as np

from data.drawn_world.drawings.sketch import DARK, GLASS, GOLD, METAL, RED, WHITE, Sketch, shade


def ball(s: Sketch) -> None:
    """A beach ball: panels of two colours around a small cap, a glint."""
    s.oval((0, 0), 0.95, WHITE)
    panels = 2 * s.some(3, 4)
    x, y, turn = (s.rng.uniform(-0.3, 0.3), s.rng.uniform(-0.3, 0.0), s.rng.uniform(0, 90))
    second = s.one_of(WHITE, WHITE, GOLD)
    for number in range(panels):
        angles = np.radians(turn + np.linspace(number, number + 1, 6) * 360 / panels)
        rim = 0.93 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        s.fill([(x, y), *rim], second if number % 2 else s.body, edged=False)
    s.oval((x, y), 0.17, WHITE)
    s.oval((-0.45, -0.55), (0.12, 0.07), WHITE, turn=-40, edged=False)


def kite(s: Sketch) -> None:
    """A diamond in four fields with crossed spars, and a tail with bows."""
    low, other = (s.vary(0.45, 0.1), s.one_of(WHITE, GOLD, RED, (0.2, 0.4, 0.85)))
    s.stroke([(0, low), (0.2, 0.62), (-0.05, 0.8), (0.15, 0.98)], 0.05, DARK)
    for x, y in ((0.18, 0.62), (0.0, 0.8)):
        s.fill(
            [
                (x - 0.17, y - 0.08),
                (x + 0.17, y + 0.08),
                (x + 0.17, y - 0.08),
                (x - 0.17, y + 0.08),
            ],
            other,
        )
    top, left, right, middle = ((0, -1.0), (-0.62, -0.4), (0.62, -0.4), (0, -0.4))
    s.fill([top, right, middle])
    s.fill([top, left, middle], other)
    s.fill([left, (0, low), middle])
    s.fill([right, (0, low), middle], other)
    s.stroke([left, right], 0.05, shade(s.body, 0.4))
    s.stroke([top, (0, low)], 0.05, shade(s.body, 0.4))


def robot(s: Sketch) -> None:
    """A square head with an aerial, round eyes, a grille; chest with buttons, arms, legs."""
    s.stroke([(0, -0.8), (0, -0.95)], 0.06, DARK)
    s.oval((0, -0.93), 0.09, RED)
    for side in (-1, 1):
        s.stroke(
            [(side * 0.5, -0.02), (side * 0.72, 0.12), (side * 0.72, 0.4)], 0.14, shade(s.body, 0.7)
        )
        s.slice((side * 0.72, 0.5), 0.14, (130, 410), METAL)
        s.box((side * 0.22 - 0.14, 0.5, side * 0.22 + 0.14, 0.88), shade(s.body, 0.7))
        s.box((side * 0.25 - 0.2, 0.84, side * 0.25 + 0.2, 1.0), DARK)
    s.box((-0.48, -0.18, 0.48, 0.55), corner=0.06)
    s.box((-0.42, -0.8, 0.42, -0.22), shade(s.body, 1.3), corner=0.08)
    for side in (-1, 1):
        s.oval((side * 0.18, -0.56), s.vary(0.13, 0.15), WHITE)
        s.oval((side * 0.18, -0.56), 0.06, DARK, edged=False)
    s.box((-0.22, -0.38, 0.22, -0.29), DARK, edged=False)
    s.box((-0.3, -0.05, 0.3, 0.22), GLASS)
    for number in range(s.some(2, 3)):
        s.oval(
            (-0.2 + 0.2 * number, 0.38), 0.07, (RED, GOLD, (0.2, 0.65, 0.3))[number], edged=False
        )


def radio(s: Sketch) -> None:
    """A case with a loudspeaker, a dial with its needle, knobs, a handle, an aerial."""
    s.stroke([(0.6, -0.35), (0.95, -1.0)], 0.06, METAL)
    s.arc((-0.1, -0.35), 0.4, 0.1, (180, 360), shade(s.body, 0.6))
    s.box((-0.95, -0.4, 0.95, 0.68), corner=0.1)
    x = -0.48
    s.oval((x, 0.14), 0.4, DARK)
    for r in (0.3, 0.2, 0.1)[: s.some(2, 3)]:
        s.arc((x, 0.14), r, 0.05, (0, 360), METAL)
    s.box((0.05, -0.26, 0.82, 0.1), (0.98, 0.94, 0.8))
    for tick in np.linspace(0.15, 0.72, 5):
        s.stroke([(tick, -0.22), (tick, -0.12)], 0.04, DARK)
    needle = s.rng.uniform(0.15, 0.72)
    s.stroke([(needle, -0.24), (needle, 0.06)], 0.06, RED)
    for knob in (0.24, 0.64):
        s.oval((knob, 0.38), 0.17, METAL)
        s.stroke([(knob, 0.38), (knob + 0.08, 0.28)], 0.05, DARK)


def clock(s: Sketch) -> None:
    """A white face in a ring, marks for the hours, two hands; at times bells and feet."""
    size = 0.95
    if s.chance(0.5):
        size = 0.76
        for side in (-1, 1):
            s.slice((side * 0.48, -0.68), 0.3, (180 + 30 * side, 360 + 30 * side), METAL)
            s.stroke([(side * 0.45, 0.6), (side * 0.62, 0.92)], 0.12, DARK)
    s.oval((0, 0.05), size)
    s.oval((0, 0.05), 0.8 * size, WHITE)
    for hour in range(12):
        angle = np.radians(30 * hour)
        way = np.array([np.cos(angle), np.sin(angle)]) * size
        inner = 0.55 if hour % 3 == 0 else 0.64
        s.stroke(
            [way * inner + (0, 0.05), way * 0.72 + (0, 0.05)], 0.08 if hour % 3 == 0 else 0.05, DARK
        )
    minute, hour = np.radians(s.rng.uniform(0, 360, 2))
    for angle, length, width in ((hour, 0.34, 0.12), (minute, 0.55, 0.08)):
        end = (length * size * np.cos(angle), length * size * np.sin(angle) + 0.05)
        s.stroke([(0, 0.05), end], width, DARK)
    s.oval((0, 0.05), 0.08, RED, edged=False)


def harp(s: Sketch) -> None:
    """A straight pillar, a bent neck, a slanted sounding board, strings between."""
    frame = s.body
    s.fill([(-0.62, -0.75), (0.72, -0.35), (-0.5, 0.82)], (0.98, 0.94, 0.84), edged=False)
    for place in np.linspace(0.12, 0.9, s.some(6, 8)):
        x = -0.55 + place * 1.15
        s.stroke([(x, -0.74 + 0.36 * place), (x, 0.8 - 1.15 * place)], 0.035, DARK)
    s.stroke([(-0.68, -0.85), (-0.6, 0.9)], 0.16, frame, edged=True)
    s.stroke([(-0.5, 0.85), (0.78, -0.35)], 0.2, shade(frame, 0.75), edged=True)
    s.stroke([(-0.68, -0.8), (-0.3, -0.85), (0.1, -0.6), (0.5, -0.62), (0.8, -0.4)], 0.17, frame)
    s.oval((-0.68, -0.84), 0.17, frame)
    s.box((-0.82, 0.82, -0.2, 0.98), shade(frame, 0.6))


DRAWINGS = (ball, kite, robot, radio, clock, harp)
