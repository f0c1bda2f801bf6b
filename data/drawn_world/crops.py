"""Parts of scenes from close by, each with captions of what it holds.

Small things fill them, so that a CLIP meets every thing at many sizes, beside others that are cut
off and not named.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from data.drawn_world import world
from data.drawn_world.scenes import Scene, keep_segments, with_captions

CLOSENESS = (1.1, 3.5)
"""Side of the part over the longer side of the thing that it is about; drawn log-uniformly."""

SHARES = (0.3, 0.9)
"""Side of a part that is about no thing, over that of the scene."""

AT_THING_PROBABILITY = 0.75
"""Otherwise a part lies anywhere, often on stuff alone."""

LEAST_SIDE = 24
"""Of a part in pixels of the scene: nearer there is nothing more to see."""

WHOLE = 0.6
"""A thing is named if so much of its pixels lies inside."""

LEAST_THING, LEAST_STUFF = 0.02, 0.1
"""Smallest part of the picture that is named."""


def random_crop(rng: np.random.Generator, scene: Scene, size: int) -> Scene:
    """Cuts a square out of a scene and brings it to `size` x `size` pixels."""
    box = _box(rng, scene)
    image, ids = (
        np.asarray(Image.fromarray(array).resize((size, size), method, box))
        for array, method in (
            (scene.image, Image.Resampling.BICUBIC),
            (scene.segment_ids, Image.Resampling.NEAREST),
        )
    )
    part = dataclasses.replace(scene, image=image, segment_ids=ids)
    inside = scene.segment_ids[box[1] : box[3], box[0] : box[2]]
    return with_captions(rng, keep_segments(part, _named(scene, inside)))


def _box(rng: np.random.Generator, scene: Scene) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a square: around some thing, or anywhere."""
    whole = len(scene.image)
    side, centre = whole * _between(rng, SHARES), rng.uniform(0, whole, 2)
    things = np.flatnonzero(np.asarray(world.IS_THING)[scene.categories])
    if len(things) and rng.random() < AT_THING_PROBABILITY:
        places = np.argwhere(scene.segment_ids == rng.choice(things) + 1)
        first, last = places.min(0), places.max(0) + 1
        longer = (last - first).max()
        side = min(max(longer * _between(rng, CLOSENESS), LEAST_SIDE), whole)
        slack = (side - longer) / 2
        centre = (first + last) / 2 + rng.uniform(-slack, slack, 2) * (slack > 0)
    cut = int(side)
    top, left = (int(min(max(place - cut / 2, 0), whole - cut)) for place in centre)
    return left, top, left + cut, top + cut


def _between(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(bounds))))


def _named(scene: Scene, inside: np.ndarray) -> np.ndarray:
    """Which segments a caption of a part is about; the largest one if there is no other."""
    count = len(scene.categories)
    seen, whole = (
        np.bincount(ids.ravel(), minlength=count + 1)[1:] for ids in (inside, scene.segment_ids)
    )
    share = seen / inside.size
    things = np.asarray(world.IS_THING)[scene.categories]
    named = np.where(things, (seen >= WHOLE * whole) & (share >= LEAST_THING), share >= LEAST_STUFF)
    return named if named.any() else np.arange(count) == share.argmax()
