"""Masks of objects: drawn one by one, and laid over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from data.manual_files import ManualFileError
from ovseg_jax.errors import MasksError
from ovseg_jax.masks.shapes import draw_segmentation

Decoded = tuple[np.ndarray, list[int]]
"""int32 [H, W], 0 for void and i for segment i; and the class index of each segment."""


def stack_masks(
    masks: Sequence[np.ndarray], categories: Sequence[int], size: tuple[int, int]
) -> Decoded:
    """Lays masks over each other, the largest lowest, and numbers what remains visible.

    Args:
        masks: Boolean [H, W] each.
        categories: Class index of each mask.
        size: Height and width, for a photo without masks.

    Returns:
        The id map and the categories, in the order of the masks.
    """
    owner = np.zeros(size, np.int32)
    for number in sorted(range(len(masks)), key=lambda n: -int(masks[n].sum())):
        owner[masks[number]] = number + 1
    visible = np.unique(owner[owner > 0])
    numbers = np.zeros(len(masks) + 1, np.int32)
    numbers[visible] = np.arange(1, len(visible) + 1)
    return numbers[owner], [categories[number - 1] for number in visible]


def draw_object(item: Mapping[str, Any], size: tuple[int, int], path: epath.Path) -> np.ndarray:
    """Rasterises one object as COCO's own tools do; run lengths are taken as they are.

    Args:
        item: The annotation.
        size: Height and width of the photo.
        path: The file that it stands in, for messages.

    Returns:
        Boolean [H, W].

    Raises:
        ManualFileError: It has no such shape, or one of another size.
    """
    try:
        return draw_segmentation(item["segmentation"], size)
    except MasksError as error:
        raise ManualFileError(f"{path}: annotation {item['id']}: {error.args[0]}") from error
