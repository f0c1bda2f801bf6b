"""Which picture belongs to which split, and what each split reveals of it.

The protocol of open-vocabulary segmentation in small: the whole vocabulary occurs in captions (web,
and parts of pictures), masks are annotated for the seen classes (train), and evaluation asks for
all classes (validation, test). Class-agnostic data, as SA-1B is, outlines everything (masks); who
trains on it takes the names of unseen classes away (`data.classes`, `data.others`).

Every picture depends on its split and index alone, so any subset can be drawn in any order, on any
number of processes.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np

from data.toy_world import world
from data.toy_world.canvas import SIZE
from data.toy_world.crops import random_crop
from data.toy_world.scenes import make_scene
from data.toy_world.seen import Scene, keep_segments
from ovseg_jax.foundation.errors import OperandError

Split = Literal["web", "parts", "train", "masks", "validation", "test"]

FULL_COUNTS: dict[str, int] = {
    "web": 8000,
    "parts": 96000,
    "train": 6000,
    "masks": 6000,
    "validation": 500,
    "test": 800,
}

SPLIT_SEEDS: dict[str, int] = {
    "web": 21,
    "parts": 26,
    "train": 22,
    "masks": 25,
    "validation": 23,
    "test": 24,
}
"""Part of the data set's definition: a change is a new version."""

PARTS_OF_A_SCENE = 4
"""Pictures of "parts" that are cut from one scene."""

CAPTIONED = ("web", "parts")
"""Splits that reveal captions alone."""


def draw_example(split: Split, index: int, size: int = SIZE) -> Scene:
    """Draws picture `index` of a split with the annotation that the split reveals.

    Args:
        split: "web" and "parts" (captions only), "train" (captions, and masks of seen classes),
            "masks", "validation" or "test" (everything).
        index: Number of the picture, from 0 and without an upper end.
        size: Side in pixels; of "parts" half of it.

    Returns:
        The scene; segments that the split hides are void.

    Raises:
        OperandError: If the split is unknown.
    """
    scene = draw_whole(split, index, size)
    if split in CAPTIONED:
        return keep_classes(scene, ())
    if split == "train":
        return keep_classes(scene, world.SEEN)
    return scene


def draw_whole(split: Split, index: int, size: int = SIZE) -> Scene:
    """Draws the same picture with everything known of it.

    Raises:
        OperandError: If the split is unknown.
    """
    if split not in SPLIT_SEEDS:
        raise OperandError(f"split: unknown value {split!r}; use one of {sorted(SPLIT_SEEDS)}")
    if split == "parts":
        return _part(index, size)
    rng = np.random.default_rng([SPLIT_SEEDS[split], index])
    return make_scene(rng, "web" if split == "web" else "scene", size)


def _part(index: int, size: int) -> Scene:
    """Cuts a part out of a picture of either style, which is the same for some that follow.

    Things are of the size that they have in whole pictures, and the part is a quarter of one: to
    train on it costs a quarter.
    """
    number, place = divmod(index, PARTS_OF_A_SCENE)
    rng = np.random.default_rng([SPLIT_SEEDS["parts"], number, place])
    return random_crop(rng, _cut_up(number, size), size // 2)


@functools.lru_cache(maxsize=1)
def _cut_up(number: int, size: int) -> Scene:
    rng = np.random.default_rng([SPLIT_SEEDS["parts"], number])
    return make_scene(rng, "web", size) if number % 2 else make_scene(rng, "scene", size * 3 // 2)


def keep_classes(scene: Scene, classes: tuple[int, ...]) -> Scene:
    """Turns the segments of all other classes into void; picture and captions stay."""
    return keep_segments(scene, np.isin(scene.categories, classes))
