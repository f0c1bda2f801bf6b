"""Draws one toy picture with exact segments and captions, from a numpy generator.

Two styles: "web" pictures show one to three things of very different sizes, or none, as pictures
with captions on the web do; "scene" pictures show two to six things of medium size on one to three
stuff regions, as segmentation data sets do.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from data.drawn_world import captions, textures, things, world
from data.drawn_world.drawn import Patch
from ovseg_jax.foundation.errors import OperandError

Style = Literal["web", "scene"]

MIN_VISIBLE = 0.55
"""Share of an earlier thing's pixels that must survive every later one."""

MIN_PIXELS = 60
"""Smallest segment of a 128-pixel picture; scaled with the picture's area."""

PLACEMENT_TRIES = 12
REPEAT_PROBABILITY = 0.12
SKY = world.STUFF_NAMES.index("sky")
_REFERENCE_SIZE = 128


@dataclass(frozen=True)
class StyleParameters:
    """What distinguishes the two styles.

    Longer sides of things are shares of the picture's: smallest, most frequent, largest.
    Landscapes without a thing are part of the web style: without captions that are about stuff
    alone, a CLIP learns no sentence that a stuff region fits.
    """

    thing_counts: tuple[int, int]
    sides: tuple[float, float, float]
    region_shares: tuple[float, float, float]
    empty_share: float


STYLES: dict[str, StyleParameters] = {
    "web": StyleParameters((1, 2), (0.2, 0.6, 0.95), (0.7, 0.3, 0.0), 0.1),
    "scene": StyleParameters((2, 6), (0.08, 0.27, 0.6), (0.35, 0.45, 0.2), 0.0),
}


@dataclass(frozen=True)
class Scene:
    """One picture with its annotation.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        segment_ids: uint8 [H, W]; 0 is void, i is segment i.
        categories: int64 [n], class index of segment i at position i - 1.
        hues: int64 [n], body hue of a thing as drawn, index into `world.HUES`; -1 for stuff.
        captions: Two captions.
    """

    image: np.ndarray
    segment_ids: np.ndarray
    categories: np.ndarray
    hues: np.ndarray
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


def make_scene(rng: np.random.Generator, style: Style, size: int = 128) -> Scene:
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
    stuff.sort(key=lambda index: index != SKY)  # it lies above what else there is
    scale = _REFERENCE_SIZE / size
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) * np.float32(scale)
    regions = _regions(rng, x, y, count, upright=stuff[0] == SKY)
    pixels = textures.TEXTURE_FUNCTIONS[stuff[0]](rng, x, y)
    for number in range(1, count):
        other = textures.TEXTURE_FUNCTIONS[stuff[number]](rng, x, y)
        pixels = np.where((regions == number)[..., None], other, pixels)
    categories = [len(world.THING_NAMES) + index for index in stuff]
    return _Canvas(pixels.astype(np.float32), regions + 1, categories, stuff)


def _regions(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, count: int, upright: bool
) -> np.ndarray:
    """Cuts the picture into bands with wavy oblique borders; uint8 ids from 0, at the top if so."""
    angle = rng.uniform(0.3, 0.7) * np.pi if upright else rng.uniform(0.0, 2.0 * np.pi)
    half = _REFERENCE_SIZE / 2
    across = (x - half) * np.cos(angle) + (y - half) * np.sin(angle)
    along = (y - half) * np.cos(angle) - (x - half) * np.sin(angle)
    wave = rng.uniform(2.5, 6.5) * np.sin(along * rng.uniform(0.05, 0.12) + rng.uniform(0.0, 6.3))
    cuts = {1: (), 2: (0.0,), 3: (-21.0, 21.0)}[count]
    regions = np.zeros(x.shape, np.uint8)
    for cut in cuts:
        regions += across + wave > cut + rng.uniform(-12.0, 12.0)
    return regions


def _radii(rng: np.random.Generator, parameters: StyleParameters, size: int) -> list[float]:
    """Radii in pixels, the largest first so that it does not bury the others."""
    if rng.random() < parameters.empty_share:
        return []
    low, high = parameters.thing_counts
    logs = rng.triangular(*np.log(parameters.sides), rng.integers(low, high + 1))
    return sorted(np.exp(logs) * size / 2, reverse=True)


def _add_thing(rng: np.random.Generator, canvas: _Canvas, radius: float, size: int) -> None:
    """Draws one thing where it fits; leaves it out when no try finds a place."""
    thing, home = _choose(rng, canvas)
    region = 0 if home is None else canvas.stuff.index(home) + 1
    hue = things.choose_hue(rng, thing)
    for _ in range(PLACEMENT_TRIES):
        pose = things.random_pose(rng, radius, size)
        if region and canvas.segments[int(pose.y), int(pose.x)] != region:
            continue
        patch = things.draw_thing(rng, thing, hue, pose, size)
        if _fits(canvas, patch, size):
            _paste(canvas, patch)
            canvas.categories.append(thing)
            canvas.hues.append(hue)
            return


def _choose(rng: np.random.Generator, canvas: _Canvas) -> tuple[int, int | None]:
    """A thing of its own, or now and then one more of the last, so that captions can count."""
    placed = canvas.categories[len(canvas.stuff) :]
    if placed and rng.random() < REPEAT_PROBABILITY:
        return placed[-1], None
    return things.choose_thing(rng, canvas.stuff)


def _fits(canvas: _Canvas, patch: Patch, size: int) -> bool:
    """Whether the thing is large enough and leaves enough of every earlier thing."""
    smallest = MIN_PIXELS * (size / _REFERENCE_SIZE) ** 2
    if patch.mask.sum() < smallest:
        return False
    after = canvas.segments.copy()
    after[patch.area][patch.mask] = 0
    first = len(canvas.stuff) + 1
    left = np.bincount(after.ravel(), minlength=first + len(canvas.areas))[first:]
    return all(
        remaining >= max(MIN_VISIBLE * full, smallest)
        for remaining, full in zip(left, canvas.areas, strict=True)
    )


def _paste(canvas: _Canvas, patch: Patch) -> None:
    below = canvas.pixels[patch.area]
    canvas.pixels[patch.area] = below * (1.0 - patch.coverage[..., None]) + patch.paint
    canvas.segments[patch.area][patch.mask] = len(canvas.categories) + 1
    canvas.areas.append(int(patch.mask.sum()))


def _finish(rng: np.random.Generator, canvas: _Canvas, size: int) -> Scene:
    """Lights the picture, drops segments that became too small, and writes the captions."""
    smallest = MIN_PIXELS * (size / _REFERENCE_SIZE) ** 2
    hues = np.array([-1] * len(canvas.stuff) + canvas.hues)
    pixels = lit(rng, canvas.pixels)
    scene = Scene(pixels, canvas.segments, np.array(canvas.categories), hues, [])
    counts = np.bincount(canvas.segments.ravel(), minlength=len(hues) + 1)[1:]
    return with_captions(rng, keep_segments(scene, counts >= smallest))


def keep_segments(scene: Scene, kept: np.ndarray) -> Scene:
    """Turns other segments into void; picture and captions stay."""
    numbers = np.concatenate([[0], np.cumsum(kept) * kept]).astype(scene.segment_ids.dtype)
    return dataclasses.replace(
        scene,
        segment_ids=numbers[scene.segment_ids],
        categories=scene.categories[kept],
        hues=scene.hues[kept],
    )


def with_captions(rng: np.random.Generator, scene: Scene) -> Scene:
    """Writes two captions of the segments."""
    seen = [
        captions.Seen(int(category), int(hue), _center(scene.segment_ids == number))
        for number, (category, hue) in enumerate(
            zip(scene.categories, scene.hues, strict=True), start=1
        )
    ]
    texts = [captions.make_caption(rng, seen) for _ in range(2)]
    return dataclasses.replace(scene, captions=texts)


def _center(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return columns.mean() / mask.shape[1], rows.mean() / mask.shape[0]


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
