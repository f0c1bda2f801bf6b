"""Height and width of arrays, as the pair that resizing takes."""

from __future__ import annotations

from jaxtyping import Array, Shaped


def map_size(maps: Shaped[Array, "b h w ..."]) -> tuple[int, int]:
    """Returns the height and width of images and maps, channels last or none."""
    height, width = maps.shape[1:3]
    return height, width


def mask_size(masks: Shaped[Array, "... h w"]) -> tuple[int, int]:
    """Returns the height and width of masks, which are the last two axes."""
    height, width = masks.shape[-2:]
    return height, width
