"""A finished picture with its annotation, and what a box in it shows."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data.toy_world import world

LEAST_INSIDE = 0.5
"""Share of a thing's visible pixels that must lie in a box that is said to hold it."""

LEAST_THING = 0.03
"""Share of a box that a thing in it must fill."""

LEAST_STUFF = 0.10
"""Likewise for stuff."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the last two are outside."""


@dataclass(frozen=True)
class Scene:
    """One picture with its annotation.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        segment_ids: uint8 [H, W]; 0 is void, i is segment i.
        categories: int64 [n], class index of segment i at position i - 1.
        captions: Two captions.
        hues: Body colour of each segment, one of `world.HUES`, "" for stuff; () if not known.
        grounds: Class index of the stuff that most of a thing lies on, of stuff its own; likewise.
    """

    image: np.ndarray
    segment_ids: np.ndarray
    categories: np.ndarray
    captions: list[str]
    hues: tuple[str, ...] = ()
    grounds: tuple[int, ...] = ()


def keep_segments(scene: Scene, kept: np.ndarray) -> Scene:
    """Turns other segments into void; picture and captions stay.

    Args:
        scene: Any.
        kept: Boolean [n], by segment.
    """
    numbers = np.concatenate([[0], np.cumsum(kept) * kept]).astype(scene.segment_ids.dtype)
    return dataclasses.replace(
        scene,
        segment_ids=numbers[scene.segment_ids],
        categories=scene.categories[kept],
        hues=tuple(itertools.compress(scene.hues, kept)),
        grounds=tuple(itertools.compress(scene.grounds, kept)),
    )


class SeenThing(NamedTuple):
    """A thing as captions speak of it.

    Attributes:
        category: Class index.
        hue: Body colour; "" if not known.
        ground: Class index of the stuff that it lies on; -1 if not known.
        x: Centre of its visible pixels, as a share of the box's width.
        y: Likewise of the height.
    """

    category: int
    hue: str
    ground: int
    x: float
    y: float


class Seen(NamedTuple):
    """What a box shows.

    Attributes:
        things: In no order that means something.
        stuff: Class indices with the height of their centres, 0 above and 1 below.
    """

    things: list[SeenThing]
    stuff: dict[int, float]


def seen_in(scene: Scene, box: Box | None = None) -> Seen:
    """Lists the things and the stuff that a person would say a box shows.

    Args:
        scene: With the masks of all its segments, and names for them.
        box: A part of the picture; None for all of it, where small things count too.

    Returns:
        Things of which at least half is inside and which fill a noticeable part, and the stuff that
        fills more than a corner. Where that leaves nothing, what fills most of the box.
    """
    ids = scene.segment_ids if box is None else scene.segment_ids[box[1] : box[3], box[0] : box[2]]
    count = len(scene.categories)
    inside = np.bincount(ids.ravel(), minlength=count + 1)[1:]
    whole = np.bincount(scene.segment_ids.ravel(), minlength=count + 1)[1:]
    is_thing = np.asarray(world.IS_THING)[scene.categories]
    least = np.where(is_thing, 0.0 if box is None else LEAST_THING, LEAST_STUFF) * ids.size
    kept = (inside > 0) & (inside >= least) & (~is_thing | (inside >= LEAST_INSIDE * whole))
    if not kept.any():
        kept[np.argmax(inside)] = True
    centres = _centres(ids, inside)
    things = [_thing(scene, n, *centres[n]) for n in np.flatnonzero(kept & is_thing)]
    stuff = {int(scene.categories[n]): centres[n][1] for n in np.flatnonzero(kept & ~is_thing)}
    return Seen(things, stuff)


def _thing(scene: Scene, number: int, x: float, y: float) -> SeenThing:
    hue = scene.hues[number] if scene.hues else ""
    ground = scene.grounds[number] if scene.grounds else -1
    return SeenThing(int(scene.categories[number]), hue, ground, x, y)


def _centres(ids: np.ndarray, areas: np.ndarray) -> list[tuple[float, float]]:
    """Returns the mean x and y of every segment's pixels as shares of the map's sides."""
    rows, columns = ids.shape
    flat, length = ids.ravel(), len(areas) + 1
    total = np.maximum(areas, 1)
    down, right = np.mgrid[0.5:rows, 0.5:columns].reshape(2, -1)
    y = np.bincount(flat, down, length)[1:] / total / rows
    x = np.bincount(flat, right, length)[1:] / total / columns
    return list(zip(x.tolist(), y.tolist(), strict=True))
