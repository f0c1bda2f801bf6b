"""Small holes and islands of masks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

EVERYWHERE = np.ones((3, 3))
"""Diagonal neighbours belong together."""


def without_specks(mask: Bool[np.ndarray, "H W"], least: int) -> Bool[np.ndarray, "H W"]:
    """Fills holes and removes islands of fewer than `least` pixels; the largest island stays."""
    labels, count = ndimage.label(~mask, EVERYWHERE)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    mask = mask | ((sizes < least)[labels] & (labels > 0))
    labels, count = ndimage.label(mask, EVERYWHERE)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    if not (small := (sizes < least) & (sizes > 0)).any():
        return mask
    if small[1:].all():
        small[sizes.argmax()] = False
    return mask & ~small[labels]
