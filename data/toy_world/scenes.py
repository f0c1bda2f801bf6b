"""Draws one toy picture with exact segments and captions, from a numpy generator.

Two styles: "web" pictures show one to three things of very different sizes, or none, as pictures
with captions on the web do; "scene" pictures show two to six things of medium size on one to three
stuff regions, as segmentation data sets do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from data.toy_world import captions, shapes, textures, things, world
from ovseg_jax.foundation.errors import OperandError

Style = Literal["web", "scene"]

MIN_VISIBLE = 0.55
"""Share of an earlier thing's pixels that must survive every later one."""

MIN_PIXELS = 70
"""Smallest segment of a 96-pixel picture; scaled with the picture's area."""

PLACEMENT_TRIES = 12
_REFERENCE_SIZE = 96


@dataclass(frozen=True)
class StyleParameters:
    """What distinguishes the two styles; lengths in pixels of a 96-pixel picture.

    Landscapes without a thing are part of the web style: without captions that are about stuff
    alone, a CLIP learns no sentence that a stuff region fits.
    """

    thing_counts: tuple[int, int]
    radii: tuple[float, float]
    region_shares: tuple[float, float, float]
    empty_share: float


STYLES: dict[str, StyleParameters] = {
    "web": StyleParameters((1, 3), (15.0, 62.0), (0.6, 0.4, 0.0), 0.1),
    "scene": StyleParameters((2, 6), (11.0, 22.0), (0.35, 0.45, 0.2), 0.0),
}


@dataclass(frozen=True)
class Scene:
    """One picture with its annotation.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        segment_ids: uint8 [H, W]; 0 is void, i is segment i.
        categories: int64 [n], class index of segment i at position i - 1.
        captions: Two captions.
    """

    image: np.ndarray
    segment_ids: np.ndarray
    categories: np.ndarray
    captions: list[str]


@dataclass
class _Canvas:
    """A picture in the making; segment ids are provisional until `_finish`."""

    pixels: np.ndarray
    segments: np.ndarray
    categories: list[int]
    stuff: list[int]
    hues: list[int] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)


def make_scene(rng: np.random.Generator, style: Style, size: int = 96) -> Scene:
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
    for radius in _radii(rng, parameters, size):
        _add_thing(rng, canvas, radius, size)
    return _finish(rng, canvas, size)


def _background(rng: np.random.Generator, parameters: StyleParameters, size: int) -> _Canvas:
    count = 1 + int(rng.choice(3, p=parameters.region_shares))
    stuff = [int(index) for index in rng.choice(len(world.STUFF_NAMES), count, replace=False)]
    scale = _REFERENCE_SIZE / size
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) * np.float32(scale)
    regions = _regions(rng, x, y, count)
    pixels = textures.TEXTURE_FUNCTIONS[stuff[0]](rng, x, y)
    for number in range(1, count):
        other = textures.TEXTURE_FUNCTIONS[stuff[number]](rng, x, y)
        pixels = np.where((regions == number)[..., None], other, pixels)
    categories = [len(world.THING_NAMES) + index for index in stuff]
    return _Canvas(pixels.astype(np.float32), regions + 1, categories, stuff)


def _regions(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """Cuts the picture into bands with wavy oblique borders; uint8 ids from 0."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    half = _REFERENCE_SIZE / 2
    across = (x - half) * np.cos(angle) + (y - half) * np.sin(angle)
    along = (y - half) * np.cos(angle) - (x - half) * np.sin(angle)
    wave = rng.uniform(2.0, 5.0) * np.sin(along * rng.uniform(0.06, 0.16) + rng.uniform(0.0, 6.3))
    cuts = {1: (), 2: (0.0,), 3: (-16.0, 16.0)}[count]
    regions = np.zeros(x.shape, np.uint8)
    for cut in cuts:
        regions += across + wave > cut + rng.uniform(-9.0, 9.0)
    return regions


def _radii(rng: np.random.Generator, parameters: StyleParameters, size: int) -> list[float]:
    """Log-uniform radii in pixels, the largest first so that it does not bury the others."""
    if rng.random() < parameters.empty_share:
        return []
    low, high = parameters.thing_counts
    logs = rng.uniform(*np.log(parameters.radii), rng.integers(low, high + 1))
    return sorted(np.exp(logs) * (size / _REFERENCE_SIZE), reverse=True)


def _add_thing(rng: np.random.Generator, canvas: _Canvas, radius: float, size: int) -> None:
    """Draws one thing where it fits; leaves it out when no try finds a place."""
    thing, at_home = things.choose_thing(rng, canvas.stuff)
    look = world.APPEARANCES[thing]
    region = canvas.stuff.index(look.home) + 1 if at_home else 0
    for _ in range(PLACEMENT_TRIES):
        pose = things.random_pose(rng, radius, size)
        if region and canvas.segments[int(pose.y), int(pose.x)] != region:
            continue
        area, u, v = things.window(pose, size)
        distance = shapes.SILHOUETTE_FUNCTIONS[look.silhouette](u, v)
        if _fits(canvas, area, distance < 0.0, size):
            hue = things.body_hue(rng, look)
            patch = things.painted(rng, look, hue, pose, (u, v, distance))
            _paste(canvas, area, patch, distance, pose.radius)
            canvas.categories.append(thing)
            canvas.hues.append(hue)
            return


def _fits(canvas: _Canvas, area: tuple[slice, slice], inside: np.ndarray, size: int) -> bool:
    """Whether the thing is large enough and leaves enough of every earlier thing."""
    smallest = MIN_PIXELS * (size / _REFERENCE_SIZE) ** 2
    if inside.sum() < smallest:
        return False
    after = canvas.segments.copy()
    after[area][inside] = 0
    first = len(canvas.stuff) + 1
    left = np.bincount(after.ravel(), minlength=first + len(canvas.areas))[first:]
    return all(
        remaining >= max(MIN_VISIBLE * full, smallest)
        for remaining, full in zip(left, canvas.areas, strict=True)
    )


def _paste(
    canvas: _Canvas,
    area: tuple[slice, slice],
    patch: np.ndarray,
    distance: np.ndarray,
    radius: float,
) -> None:
    inside = distance < 0.0
    alpha = shapes.coverage(distance, radius)[..., None]
    below = canvas.pixels[area]
    canvas.pixels[area] = below + (patch - below) * alpha
    canvas.segments[area][inside] = len(canvas.categories) + 1
    canvas.areas.append(int(inside.sum()))


def _finish(rng: np.random.Generator, canvas: _Canvas, size: int) -> Scene:
    """Lights the picture, drops segments that became too small, and writes the captions."""
    smallest = MIN_PIXELS * (size / _REFERENCE_SIZE) ** 2
    counts = np.bincount(canvas.segments.ravel(), minlength=len(canvas.categories) + 1)[1:]
    kept = np.flatnonzero(counts >= smallest)
    numbers = np.zeros(len(counts) + 1, np.uint8)
    numbers[kept + 1] = np.arange(1, len(kept) + 1)
    categories = np.asarray(canvas.categories, np.int64)[kept]
    first = len(canvas.stuff)
    stuff = [int(canvas.categories[i]) for i in kept if i < first]
    visible = [int(canvas.categories[i]) for i in kept if i >= first]
    hues = [canvas.hues[i - first] for i in kept if i >= first]
    texts = [captions.make_caption(rng, visible, hues, stuff) for _ in range(2)]
    return Scene(lit(rng, canvas.pixels), numbers[canvas.segments], categories, texts)


def lit(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Applies a bilinear light gradient and sensor noise; float to uint8."""
    size = len(pixels)
    corners = rng.uniform(0.8, 1.15, (2, 2)).astype(np.float32)
    ramp = np.linspace(0.0, 1.0, size, dtype=np.float32)
    left = corners[0, 0] + (corners[1, 0] - corners[0, 0]) * ramp
    right = corners[0, 1] + (corners[1, 1] - corners[0, 1]) * ramp
    gain = left[:, None] + (right - left)[:, None] * ramp[None, :]
    noise = rng.standard_normal(pixels.shape, np.float32) * np.float32(0.035)
    values = pixels * gain[..., None] + noise
    return (np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
