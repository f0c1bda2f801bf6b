"""A picture in the making: things are laid over regions where they fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data.toy_world.paint import Sticker

SIZE = 128
"""Side of a picture in pixels, where nothing else is asked for."""

MIN_VISIBLE = 0.55
"""Share of an earlier thing's pixels that must survive every later one."""

MIN_PIXELS = 30
"""Smallest segment of a 128-pixel picture; scaled with the picture's area."""

MIN_INSIDE = 0.7
"""Share of a thing that must lie inside the picture."""


@dataclass
class Canvas:
    """Pixels and what they belong to.

    Attributes:
        pixels: float32 [n, n, 3], about 0 to 1.
        segments: uint8 [n, n], from 1: regions of stuff, then things.
        regions: uint8 [n, n], the map of stuff below the things.
        stuff: Of each region, a position in `world.STUFF_NAMES`.
        things: Names of the things, in the order in which they were laid down.
        hues: Their body colours.
        grounds: The stuff that most of each lies on.
        areas: Their pixels when they were laid down.
        visible: Those that are left of them.
    """

    pixels: np.ndarray
    segments: np.ndarray
    regions: np.ndarray
    stuff: list[int]
    things: list[str] = field(default_factory=list)
    hues: list[str] = field(default_factory=list)
    grounds: list[int] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)
    visible: list[int] = field(default_factory=list)


def ground_below(canvas: Canvas, below: np.ndarray) -> int:
    """Returns the stuff that most of a thing lies on."""
    return canvas.stuff[max(1, int(np.argmax(np.bincount(below, minlength=2)))) - 1]


def fits(canvas: Canvas, place: tuple[slice, slice], mask: np.ndarray, area: int) -> bool:
    """Whether enough of the thing is inside and enough of every earlier thing stays visible."""
    smallest = smallest_segment(len(canvas.segments))
    if mask.sum() < max(smallest, MIN_INSIDE * area):
        return False
    left = np.subtract(canvas.visible, _hidden(canvas, place, mask))
    return bool((left >= np.maximum(MIN_VISIBLE * np.asarray(canvas.areas), smallest)).all())


def _hidden(canvas: Canvas, place: tuple[slice, slice], mask: np.ndarray) -> np.ndarray:
    """Counts the pixels of every earlier thing under a mask."""
    first = len(canvas.stuff) + 1
    below = canvas.segments[place][mask]
    return np.bincount(below, minlength=first + len(canvas.areas))[first:]


def paste(canvas: Canvas, place: tuple[slice, slice], part: Sticker) -> None:
    """Lays a thing over the picture; its name, colour and ground are for the caller to add."""
    canvas.pixels[place] = canvas.pixels[place] * (1 - part.coverage) + part.colors
    hidden = _hidden(canvas, place, part.mask)
    canvas.visible = [*np.subtract(canvas.visible, hidden).tolist(), int(part.mask.sum())]
    canvas.areas.append(canvas.visible[-1])
    canvas.segments[place][part.mask] = len(canvas.stuff) + len(canvas.areas)


def smallest_segment(size: int) -> float:
    """Returns the pixels that a segment of a picture of a size must have."""
    return MIN_PIXELS * (size / SIZE) ** 2
