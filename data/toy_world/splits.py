"""Which picture belongs to which split, and what each split reveals of it.

The protocol of open-vocabulary segmentation in small: the whole vocabulary occurs in captions
(web), masks are annotated for the seen classes only (train), and evaluation asks for all classes
(validation, test). Every picture depends on its split and index alone, so any subset can be drawn
in any order, on any number of processes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from data.toy_world import world
from data.toy_world.scenes import Scene, Style, make_scene
from ovseg_jax.foundation.errors import OperandError

Split = Literal["web", "train", "validation", "test"]

FULL_COUNTS: dict[str, int] = {"web": 8000, "train": 6000, "validation": 500, "test": 800}

SPLIT_SEEDS: dict[str, int] = {"web": 11, "train": 12, "validation": 13, "test": 14}
"""Part of the data set's definition: a change is a new version."""


def draw_example(split: Split, index: int, size: int = 96) -> Scene:
    """Draws picture `index` of a split with the annotation that the split reveals.

    Args:
        split: "web" (captions only), "train" (masks of seen classes), "validation" or "test"
            (masks of all classes).
        index: Number of the picture, from 0 and without an upper end.
        size: Side in pixels.

    Returns:
        The scene; segments that the split hides are void.

    Raises:
        OperandError: If the split is unknown.
    """
    if split not in SPLIT_SEEDS:
        raise OperandError(f"split: unknown value {split!r}; use one of {sorted(SPLIT_SEEDS)}")
    style: Style = "web" if split == "web" else "scene"
    scene = make_scene(np.random.default_rng([SPLIT_SEEDS[split], index]), style, size)
    if split == "web":
        return keep_classes(scene, ())
    if split == "train":
        return keep_classes(scene, world.SEEN)
    return scene


def keep_classes(scene: Scene, classes: tuple[int, ...]) -> Scene:
    """Turns the segments of all other classes into void; picture and captions stay."""
    kept = np.isin(scene.categories, classes)
    numbers = np.concatenate([[0], np.cumsum(kept) * kept]).astype(scene.segment_ids.dtype)
    return Scene(
        image=scene.image,
        segment_ids=numbers[scene.segment_ids],
        categories=scene.categories[kept],
        captions=scene.captions,
    )
