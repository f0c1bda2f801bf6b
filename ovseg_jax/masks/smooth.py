"""Pictures with smooth edges: a soft mask, a resized label map, or a photo taken for one.

Masks that were drawn with anti-aliasing have in-between levels along their edges. Read as a label
map, each level would become a mask of its own.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import MAX_MASKS

MANY = 8
"""So many values without a solid spot are no accident."""


def distinct(values: Int[np.ndarray, "..."]) -> Int[np.ndarray, " q"]:
    """Returns the values that occur, ascending; counts them, which is faster than sorting."""
    if values.size and values.min() >= 0 and values.max() < 2 * values.size + 65536:
        return np.flatnonzero(np.bincount(values.ravel()))
    return np.unique(values)


def flat_pixels(values: Int[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Marks pixels that lie in a 2 x 2 block of one value."""
    flat = np.zeros(values.shape, bool)
    corner = values[:-1, :-1]
    same = (corner == values[1:, :-1]) & (corner == values[:-1, 1:]) & (corner == values[1:, 1:])
    for rows in (slice(None, -1), slice(1, None)):
        for columns in (slice(None, -1), slice(1, None)):
            flat[rows, columns] |= same
    return flat


def is_soft(levels: Int[np.ndarray, "H W"]) -> bool:
    """Whether grey levels are one mask with smooth edges.

    So it is if most pixels are black or of the highest level, and the others hardly ever form
    blocks of one level and lie between a darker and a lighter neighbour.
    """
    top = levels.max()
    between = (levels > 0) & (levels < top)
    count = between.sum()
    if not count or count > levels.size / 2:
        return False
    # A thin object in a map of two or three classes looks the same, unless the top is full scale.
    if top not in (255, 65535) and len(distinct(levels[between])) < MANY:
        return False
    from scipy import ndimage  # late: a tenth of a start that needs it not

    darker = ndimage.minimum_filter(levels, 3) < levels
    lighter = ndimage.maximum_filter(levels, 3) > levels
    flat = flat_pixels(levels) & between
    return bool(flat.sum() < count / 2 and (darker & lighter & between).sum() > count * 0.7)


def refuse_smooth(ids: Int[np.ndarray, "H W"], values: Int[np.ndarray, " q"], where: str) -> None:
    """Refuses a picture that is no label map.

    Args:
        ids: A number per pixel.
        values: Those that would be masks.
        where: What messages start with.

    Raises:
        MasksError: There are too many values, or most of them form no block of pixels.
    """
    if len(values) > MAX_MASKS:
        raise MasksError(
            f"{where}: holds {len(values)} different values; a photo or a map of depths is no "
            "label map"
        )
    solid = distinct(ids[flat_pixels(ids)])
    edges = len(values) - np.isin(values, solid).sum()
    if edges >= MANY and edges > len(values) / 2:
        raise MasksError(
            f"{where}: {edges} of its {len(values)} values fill no block of 2 x 2 pixels: smooth "
            "edges (anti-aliasing, or resizing that interpolates), or a photo. Save one value per "
            "mask with hard edges"
        )
