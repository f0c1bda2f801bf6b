"""The segments of one photo: what each is, where it is, and what of it another one hides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath
from pycocotools import mask as run_lengths

from data.manual_files import ManualFileError
from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.shapes import draw_segmentation

VOID = -1
"""The class index of labels that are no class."""


@dataclasses.dataclass(frozen=True)
class Segments:
    """The segments of one photo.

    Attributes:
        ids: Integers [H, W]: 0 for void, i for segment i, which is on top there.
        categories: Class index of each segment.
        crowds: Whether a segment is a crowd of uncounted objects; empty for none.
        whole: Run lengths, as COCO packs them, of each segment that is hidden in part or wholly by
            others; b"" for one that `ids` shows all of. Empty where nothing overlaps.
    """

    ids: np.ndarray
    categories: Sequence[int]
    crowds: Sequence[bool] = ()
    whole: Sequence[bytes] = ()


def stack_masks(
    masks: Sequence[np.ndarray],
    categories: Sequence[int],
    size: tuple[int, int],
    crowds: Sequence[bool] = (),
) -> Segments:
    """Lays masks over each other, crowds lowest, then the largest; keeps what gets hidden.

    Args:
        masks: Boolean [H, W] each.
        categories: Class index of each mask.
        size: Height and width, for a photo without masks.
        crowds: Which masks are crowds; empty for none.

    Returns:
        The segments in the order of the masks.
    """
    crowds = list(crowds) or [False] * len(masks)
    areas = [int(mask.sum()) for mask in masks]
    ids = np.zeros(size, np.int32)
    for number in sorted(range(len(masks)), key=lambda n: (not crowds[n], -areas[n])):
        ids[masks[number]] = number + 1
    visible = np.bincount(ids.ravel(), minlength=len(masks) + 1)[1:]
    hidden = [
        pack(mask) if seen < area else b""
        for mask, seen, area in zip(masks, visible, areas, strict=True)
    ]
    return Segments(ids, list(categories), crowds, hidden)


def pack(mask: np.ndarray) -> bytes:
    """Returns the run lengths of a boolean mask [H, W], column by column, as COCO packs them."""
    return run_lengths.encode(np.asfortranarray(mask, np.uint8))["counts"]


def decode_regions(labels: np.ndarray, table: np.ndarray) -> Segments:
    """Makes one segment of everything of one class in a label map.

    Args:
        labels: Unsigned integers [H, W].
        table: Class index of each label; `VOID` for labels that are none.

    Returns:
        The segments, by rising class index.
    """
    classes = table[labels]
    present = np.unique(classes)
    present = present[present >= 0]
    numbers = np.zeros(table.max() + 3, np.int32)  # void and unknown labels index from the end
    numbers[present] = np.arange(1, len(present) + 1)
    return Segments(numbers[classes], present.tolist())


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
