"""Masks that overlap, laid into as few id maps as a simple rule finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def disjoint_layers(masks: Sequence[np.ndarray]) -> list[list[int]]:
    """Puts every mask into the first layer in which it overlaps nothing.

    An id map holds one segment per pixel, but two nouns may choose the same mask, and masks of a
    generator overlap. No mask is cut or left out.

    Args:
        masks: Boolean [H, W] each.

    Returns:
        The numbers of the masks in each layer.
    """
    layers: list[list[int]] = []
    covered: list[np.ndarray] = []
    for number, mask in enumerate(masks):
        place = next((n for n, taken in enumerate(covered) if not (taken & mask).any()), None)
        if place is None:
            layers.append([number])
            covered.append(mask.copy())
        else:
            layers[place].append(number)
            covered[place] |= mask
    return layers


def id_map(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Numbers disjoint masks from 1.

    Args:
        masks: Boolean [H, W] each, no two on the same pixel.

    Returns:
        int32 [H, W], 0 where there is none.
    """
    ids = np.zeros(masks[0].shape, np.int32)
    for number, mask in enumerate(masks, start=1):
        ids[mask] = number
    return ids
