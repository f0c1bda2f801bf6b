"""Parts of scenes from close by, each with captions of what it holds.

Small things fill them, so that a CLIP meets every thing at many sizes, beside others that are cut
off and not named.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from data.toy_world import world
from data.toy_world.captions import caption_of
from data.toy_world.seen import Box, Scene, keep_segments

CLOSENESS = (1.1, 3.5)
"""Side of the part over the longer side of the thing that it is about; drawn log-uniformly."""

SHARES = (0.3, 0.9)
"""Side of a part that is about no thing, over that of the scene."""

AT_THING_PROBABILITY = 0.75
"""Otherwise a part lies anywhere, often on stuff alone."""

LEAST_SIDE = 24
"""Of a part in pixels of the scene: nearer there is nothing more to see."""


def random_crop(rng: np.random.Generator, scene: Scene, size: int) -> Scene:
    """Cuts a square out of a scene and brings it to `size` x `size` pixels, with two captions."""
    box = _box(rng, scene)
    image, ids = (
        np.asarray(Image.fromarray(array).resize((size, size), method, box))
        for array, method in (
            (scene.image, Image.Resampling.BICUBIC),
            (scene.segment_ids, Image.Resampling.NEAREST),
        )
    )
    texts = [caption_of(rng, scene, box) for _ in range(2)]
    part = dataclasses.replace(scene, image=image, segment_ids=ids, captions=texts)
    visible = np.bincount(ids.ravel(), minlength=len(scene.categories) + 1)[1:] > 0
    return keep_segments(part, visible)


def _box(rng: np.random.Generator, scene: Scene) -> Box:
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
