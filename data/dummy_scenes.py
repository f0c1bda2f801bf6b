"""What the photos of dummy data show: parts of drawn scenes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.toy_world.scenes import Scene, make_scene


def draw_upper_part(seed: Sequence[int], height: int, width: int) -> Scene:
    """Draws a square scene and returns its upper part.

    Args:
        seed: Of the scene; each data set begins with a number of its own.
        height: Rows that are kept.
        width: Side of the scene.
    """
    scene = make_scene(np.random.default_rng(seed), "scene", width)
    parts = scene.image[:height], scene.segment_ids[:height]
    return Scene(*parts, scene.categories, scene.captions)
