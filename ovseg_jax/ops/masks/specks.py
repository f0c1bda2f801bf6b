"""Small holes and islands of masks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

EVERYWHERE = np.ones((3, 3))
"""Diagonal neighbours belong together."""


def without_specks(mask: Bool[np.ndarray, "H W"], least: int) -> Bool[np.ndarray, "H W"]:
    """Fills holes and removes islands of fewer than `least` pixels; the largest island stays."""
    labels, count = _parts(~mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    mask = mask | ((sizes < least)[labels] & (labels > 0))
    labels, count = _parts(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    if not (small := (sizes < least) & (sizes > 0)).any():
        return mask
    if small[1:].all():
        small[sizes.argmax()] = False
    return mask & ~small[labels]


def _parts(mask: Bool[np.ndarray, "H W"]) -> tuple[Int[np.ndarray, "H W"], int]:
    """Returns the number of every pixel's connected part, 0 outside, and how many there are."""
    from scipy import ndimage  # late: a tenth of a start that needs it not

    # Told where to write, SciPy answers with the count alone; its types do not tell these apart.
    return ndimage.label(mask, EVERYWHERE)  # pyright: ignore[reportReturnType]
