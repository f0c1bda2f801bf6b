"""Draws one toy picture with exact segments and captions, from a numpy generator.

Two styles: "web" pictures show one to three things of very different sizes, or none, as pictures
with captions on the web do; "scene" pictures show two to six things of medium size on one to three
stuff regions, as segmentation data sets do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.toy_world import captions, paint, textures, world
from data.toy_world.canvas import SIZE, Canvas, fits, ground_below, paste, smallest_segment
from data.toy_world.drawings import DRAWINGS
from data.toy_world.seen import Scene, seen_in
from ovseg_jax.foundation.errors import OperandError

Style = Literal["web", "scene"]

AT_HOME_PROBABILITY = 0.6
TYPICAL_HUE_PROBABILITY = 0.75
REPEAT_PROBABILITY = 0.15
"""That a thing is of the same class as the one before, so that some can be counted."""

PLACEMENT_TRIES = 12


@dataclass(frozen=True)
class StyleParameters:
    """What distinguishes the two styles.

    Landscapes without a thing are part of the web style: without captions that are about stuff
    alone, a CLIP learns no sentence that a stuff region fits.

    Attributes:
        thing_counts: Fewest and most things.
        sides: Least, commonest and largest longer side of a thing, as shares of the picture's.
        region_shares: Of pictures with one, two and three stuff regions.
        empty_share: Of pictures without things.
    """

    thing_counts: tuple[int, int]
    sides: tuple[float, float, float]
    region_shares: tuple[float, float, float]
    empty_share: float


STYLES: dict[str, StyleParameters] = {
    "web": StyleParameters((1, 3), (0.15, 0.42, 0.90), (0.6, 0.4, 0.0), 0.1),
    "scene": StyleParameters((2, 6), (0.08, 0.26, 0.60), (0.35, 0.45, 0.2), 0.0),
}

_RESIDENTS = tuple(
    [thing for thing in world.THING_NAMES if world.HABITS[thing].home == home]
    for home in world.STUFF_NAMES
)


def make_scene(rng: np.random.Generator, style: Style, size: int = SIZE) -> Scene:
    """Draws a picture of `size` x `size` pixels.

    Args:
        rng: Source of all choices; the same state gives the same picture.
        style: "web" or "scene".
        size: Side in pixels; at least 32.

    Returns:
        The picture, its segments and two captions.

    Raises:
        OperandError: If the style is unknown or the size is too small to draw on.
    """
    if style not in STYLES:
        raise OperandError(f"style: unknown value {style!r}; use one of {sorted(STYLES)}")
    if size < 32:
        raise OperandError(f"size: {size} is too small to draw on; use at least 32")
    parameters = STYLES[style]
    canvas = _background(rng, parameters, size)
    for side in _sides(rng, parameters, size):
        _add_thing(rng, canvas, side)
    return _finish(rng, canvas)


def _background(rng: np.random.Generator, parameters: StyleParameters, size: int) -> Canvas:
    count = 1 + int(rng.choice(3, p=parameters.region_shares))
    stuff = [int(index) for index in rng.choice(len(world.STUFF_NAMES), count, replace=False)]
    sky = world.STUFF_NAMES.index("sky")
    stuff.sort(key=lambda index: index != sky)  # the first is above
    regions = _regions(rng, size, count, upright=sky in stuff)
    pixels = textures.TEXTURE_FUNCTIONS[stuff[0]](rng, size)
    for number in range(1, count):
        other = textures.TEXTURE_FUNCTIONS[stuff[number]](rng, size)
        np.copyto(pixels, other, where=(regions == number)[..., None])
    return Canvas(pixels, regions + 1, regions + 1, stuff)


def _regions(rng: np.random.Generator, size: int, count: int, upright: bool) -> np.ndarray:
    """Cuts the picture into bands with wavy borders, lying ones if upright; uint8 ids from 0."""
    if count == 1:
        return np.zeros((size, size), np.uint8)
    line = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    spread = 0.4 if upright else np.pi
    angle = np.pi / 2 + rng.uniform(-spread, spread)
    across = line[None, :] * np.cos(angle) + line[:, None] * np.sin(angle)
    along = line[:, None] * np.cos(angle) - line[None, :] * np.sin(angle)
    wave = rng.uniform(0.02, 0.05) * np.sin(along * rng.uniform(6.0, 16.0) + rng.uniform(0.0, 6.3))
    regions = np.zeros((size, size), np.uint8)
    for cut in {2: (0.0,), 3: (-0.17, 0.17)}[count]:
        regions += across + wave > cut + rng.uniform(-0.09, 0.09)
    return regions


def _sides(rng: np.random.Generator, parameters: StyleParameters, size: int) -> list[float]:
    """Sides in pixels, the largest first so that it does not bury the others."""
    if rng.random() < parameters.empty_share:
        return []
    low, high = parameters.thing_counts
    count = int(rng.integers(low, high + 1))
    return sorted(np.exp(rng.triangular(*np.log(parameters.sides), count)) * size, reverse=True)


def _choose_thing(rng: np.random.Generator, canvas: Canvas) -> tuple[str, int]:
    """Returns a thing and the stuff that it must lie on; -1 if any will do."""
    if canvas.things and rng.random() < REPEAT_PROBABILITY:
        return canvas.things[-1], -1
    if rng.random() < AT_HOME_PROBABILITY:
        home = canvas.stuff[rng.integers(len(canvas.stuff))]
        return str(rng.choice(_RESIDENTS[home])), home
    return world.THING_NAMES[rng.integers(len(world.THING_NAMES))], -1


def _body_hue(rng: np.random.Generator, thing: str) -> str:
    habit = world.HABITS[thing]
    if rng.random() < TYPICAL_HUE_PROBABILITY:
        return habit.hue
    return str(rng.choice(habit.others))


def drawn(
    rng: np.random.Generator, thing: str, hue: str, side: float, tilted: bool = True
) -> paint.Sticker:
    """Draws a thing by its name.

    Args:
        rng: Source of all choices.
        thing: One of `world.THING_NAMES`.
        hue: Body colour, one of `world.HUES`.
        side: Longer side in pixels.
        tilted: Whether it may be turned, stretched and mirrored.
    """
    body = np.asarray(world.HUE_COLORS[hue]) + rng.uniform(-0.05, 0.05, 3)
    parts = DRAWINGS[thing](rng, tuple(np.clip(body, 0.08, 0.98).tolist()))
    return paint.draw_thing(
        rng, parts, paint.random_pose(rng, side) if tilted else paint.Pose(side)
    )


def _add_thing(rng: np.random.Generator, canvas: Canvas, side: float) -> None:
    """Draws one thing where it fits; leaves it out when no try finds a place."""
    thing, home = _choose_thing(rng, canvas)
    hue = _body_hue(rng, thing)
    sticker = drawn(rng, thing, hue, side)
    size, margin = len(canvas.segments), 0.42 * side
    for _ in range(PLACEMENT_TRIES):
        corner = rng.uniform(margin, size - margin, 2) - len(sticker.mask) / 2
        place, part = sticker.at(*np.round(corner).astype(int).tolist(), size)
        ground = ground_below(canvas, canvas.regions[place][part.mask])
        if home in (-1, ground) and fits(canvas, place, part.mask, int(sticker.mask.sum())):
            paste(canvas, place, part)
            canvas.things.append(thing)
            canvas.hues.append(hue)
            canvas.grounds.append(ground)
            return


def _finish(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Lights the picture, drops segments that became too small, and writes the captions."""
    stuff = [len(world.THING_NAMES) + index for index in canvas.stuff]
    categories = [*stuff, *(world.THING_NAMES.index(thing) for thing in canvas.things)]
    grounds = [*stuff, *(len(world.THING_NAMES) + index for index in canvas.grounds)]
    hues = [*("" for _ in stuff), *canvas.hues]
    counts = np.bincount(canvas.segments.ravel(), minlength=len(categories) + 1)[1:]
    kept = np.flatnonzero(counts >= smallest_segment(len(canvas.segments)))
    light = np.random.default_rng(rng.integers(2**63))  # noise is the only draw that counts pixels
    numbers = np.zeros(len(counts) + 1, np.uint8)
    numbers[kept + 1] = np.arange(1, len(kept) + 1)
    scene = Scene(
        image=lit(light, canvas.pixels),
        segment_ids=numbers[canvas.segments],
        categories=np.asarray(categories, np.int64)[kept],
        captions=[],
        hues=tuple(hues[index] for index in kept),
        grounds=tuple(grounds[index] for index in kept),
    )
    seen = seen_in(scene)
    scene.captions.extend(captions.write_caption(rng, seen) for _ in range(2))
    return scene


def lit(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Applies a bilinear light gradient and sensor noise; float to uint8."""
    size = len(pixels)
    corners = rng.uniform(0.8, 1.15, (2, 2)).astype(np.float32)
    ramp = np.linspace(0.0, 1.0, size, dtype=np.float32)
    left = corners[0, 0] + (corners[1, 0] - corners[0, 0]) * ramp
    right = corners[0, 1] + (corners[1, 1] - corners[0, 1]) * ramp
    gain = left[:, None] + (right - left)[:, None] * ramp[None, :]
    values = rng.standard_normal(pixels.shape, np.float32)
    values *= np.float32(0.03)
    values += pixels * gain[..., None]
    np.clip(values, 0.0, 1.0, out=values)
    return (values * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
