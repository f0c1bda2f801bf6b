"""What is precious: a coin, a gem, a badge, a harp."""

from __future__ import annotations

import numpy as np

from data.toy_world.drawings.parts import (
    GOLD,
    TURN,
    WHITE,
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
    rays,
    rectangle,
    shade,
    star,
    traced,
)

_HEAD = np.concatenate(
    [
        bow(-0.28, 0.55, -0.25, 0.25, -0.12, 0.22),
        bow(-0.5, 0.1, -0.42, -0.5, 0.0, -0.5),
        bow(0.3, -0.5, 0.3, -0.2, 0.28, -0.15),
        polygon(0.4, 0.05, 0.29, 0.08, 0.3, 0.22, 0.12, 0.26),
        bow(0.1, 0.3, 0.15, 0.45, 0.3, 0.55),
    ]
)
_ONE = traced(
    "-.25 -.28  .02 -.5  .16 -.5  .16 .34  .32 .34  .32 .5  -.24 .5  -.24 .34  -.06 .34  -.06 -.24"
)
_CROWN = traced("-.48 -.35  -.24 -.05  0 -.45  .24 -.05  .48 -.35  .4 .22  -.4 .22")
_RELIEFS = ((_HEAD,), (_ONE,), (_CROWN, rectangle(-0.4, 0.28, 0.4, 0.42)))


def coin(rng: np.random.Generator, body: Color) -> list[Part]:
    """A milled edge, a raised rim, and a relief: a head, a figure, or a crown."""
    dark, light = shade(body, 0.62), shade(body, 1.45)
    parts = [Part(ellipse(0.08, 0.08, 0.92, count=40), dark)]
    parts += [Part(ellipse(0, 0, 0.92, count=40), body)]
    parts += [mark(ray, dark) for ray in rays(36, 0.84, 0.92, 0.04, rng.uniform(0, 1))]
    parts += [mark(ellipse(0, 0, 0.8, count=36), light)]
    parts += [mark(ellipse(0, 0, 0.72, count=36), shade(body, 0.85))]
    relief = _RELIEFS[rng.integers(len(_RELIEFS))]
    parts += [mark(points + (0.06, 0.05), dark) for points in relief]
    return [*parts, *(mark(points, light) for points in relief)]


def gem(rng: np.random.Generator, body: Color) -> list[Part]:
    """A cut stone from the side: table, crown and pavilion in facets, with a sparkle."""
    top, girdle, table = -0.7, rng.uniform(-0.3, -0.2), rng.uniform(0.48, 0.6)
    xs = np.linspace(-0.95, 0.95, 5)
    tops = np.linspace(-table, table, 3)
    outline = polygon(-table, top, table, top, 0.95, girdle, 0.0, 0.85, -0.95, girdle)
    tones = rng.permutation([0.7, 1.0, 1.3, 0.85])
    parts = [Part(outline, body)]
    for n in range(4):
        parts.append(
            mark(np.array([(xs[n], girdle), (xs[n + 1], girdle), (0, 0.85)]), shade(body, tones[n]))
        )
    for n in range(3):
        left, right = xs[n], xs[n + 2]
        parts.append(
            mark(
                np.array([(left, girdle), (tops[n], top), (xs[n + 1], girdle)]),
                shade(body, tones[n] + 0.25),
            )
        )
        parts.append(
            mark(
                np.array([(xs[n + 1], girdle), (tops[n], top), (right, girdle)]),
                shade(body, tones[n + 1] + 0.12),
            )
        )
    for n in range(2):
        parts.append(
            mark(
                np.array([(tops[n], top), (tops[n + 1], top), (xs[n + 1 + n * 1], girdle)]),
                shade(body, 1.6 - 0.3 * n),
            )
        )
    facets = [line(x, girdle, 0, 0.85, width=0.03) for x in xs[1:-1]]
    parts += [
        mark(points, shade(body, 0.45))
        for points in (*facets, line(-0.95, girdle, 0.95, girdle, width=0.03))
    ]
    return [*parts, mark(star(0.6, -0.62, 0.3, 0.06, 4), WHITE)]


def badge(rng: np.random.Generator, body: Color) -> list[Part]:
    """A rosette with two ribbon tails, or a shield, with a star."""
    gold = GOLD if body[0] < 0.9 else shade(body, 0.5)
    if rng.random() < 0.35:
        right = np.concatenate(
            [bow(0, -0.85, 0.35, -0.75, 0.7, -0.92), bow(0.85, 0.1, 0.7, 0.6, 0.0, 0.97)]
        )
        shield = np.concatenate([right, mirrored(right[::-1])])
        return [Part(shield, GOLD), mark(shield * 0.82, body), mark(star(0, 0, 0.52, 0.22), gold)]
    tail = polygon(0.02, 0.2, 0.38, 0.2, 0.55, 1.25, 0.32, 1.08, 0.14, 1.27)
    stripe = mark(line(0.2, 0.5, 0.32, 1.05, width=0.06), shade(body, 1.3))
    parts = both_sides([Part(tail, shade(body, 0.8)), stripe])
    count = int(rng.integers(12, 17))
    edge = ellipse(0, 0, 0.6, count=8 * count)
    waves = 1 + 0.1 * np.cos(count * np.arange(8 * count) * TURN / (8 * count))
    parts += [Part(edge * waves[:, None], body)]
    parts += [mark(ray, shade(body, 0.65)) for ray in rays(count, 0.4, 0.62, 0.05)]
    return [*parts, Part(ellipse(0, 0, 0.45), WHITE), mark(star(0, 0, 0.36, 0.15), gold)]


def harp(rng: np.random.Generator, body: Color) -> list[Part]:
    """A pillar, a curved neck, a slanting sound box, and strings between them."""
    count, pale = int(rng.integers(7, 10)), (0.93, 0.9, 0.82)
    neck = bow(-0.62, -0.85, -0.1, -0.15, 0.72, -0.78, count=20)
    field = np.concatenate([neck, polygon(0.7, -0.6, -0.45, 0.85, -0.62, 0.75)])
    parts = [mark(field, pale)]
    for t in np.linspace(0.08, 0.86, count):
        x = -0.55 + 1.2 * t
        top = float(np.interp(x, neck[:, 0], neck[:, 1]))
        bottom = float(np.interp(x, (-0.5, 0.7), (0.8, -0.62)))
        color = (0.75, 0.2, 0.15) if int(round(t * 20)) % 4 == 0 else (0.35, 0.3, 0.3)
        parts.append(mark(line(x, top, x, bottom, width=0.035), color))
    parts += [Part(line(0.78, -0.75, -0.42, 0.85, width=0.17, end_width=0.3), shade(body, 0.85))]
    parts += [Part(band(neck, 0.16), body), Part(line(-0.63, -0.8, -0.6, 0.8, width=0.15), body)]
    scroll = [
        Part(ellipse(-0.66, -0.85, 0.15), body),
        mark(ellipse(-0.66, -0.85, 0.07), shade(body, 0.6)),
    ]
    return [*parts, *scroll, Part(rectangle(-0.8, 0.78, -0.1, 0.97, 0.06), shade(body, 0.8))]
