"""Square crops around masks, with static shapes: boxes are data, the crop size is not."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Int

CUBIC = -0.75
"""The bicubic parameter of torch's `F.interpolate` without antialiasing."""


def mask_boxes(masks: Bool[Array, "*q H W"]) -> Int[Array, "*q 4"]:
    """Finds the tight box of each mask: top, left, bottom, right, the latter two exclusive.

    An empty mask gets a box of zeros.
    """
    top, bottom = _extent(masks.any(-1))
    left, right = _extent(masks.any(-2))
    return jnp.stack([top, left, bottom, right], -1)


def _extent(occupied: Bool[Array, "*q n"]) -> tuple[Int[Array, "*q"], Int[Array, "*q"]]:
    first = jnp.argmax(occupied, -1)
    last = occupied.shape[-1] - jnp.argmax(occupied[..., ::-1], -1)
    return first, jnp.where(occupied.any(-1), last, 0)


def expand_boxes(
    boxes: Int[Array, "*q 4"], factor: float, limit: Int[Array, "2"] | tuple[int, int]
) -> Int[Array, "*q 4"]:
    """Grows boxes about their centres, rounds towards zero and cuts them at the picture's border.

    Matches the `expand_box` step of OVSeg, where the factor is 1 in every published model.

    Args:
        boxes: Top, left, bottom, right in pixels.
        factor: Ratio of the new sides to the old ones.
        limit: Height and width of the picture.
    """
    corners = boxes.reshape(*boxes.shape[:-1], 2, 2).astype(jnp.float32)
    centre = corners.mean(-2, keepdims=True)
    grown = (centre + (corners - centre) * factor).astype(jnp.int32)
    grown = jnp.clip(grown, 0, jnp.asarray(limit))
    return grown.reshape(boxes.shape)


def crop_and_resize(
    image: Float[Array, "H W c"],
    mask: Bool[Array, "H W"] | None,
    box: Int[Array, "4"],
    size: int,
    outside: ArrayLike = 0.0,
) -> Float[Array, "size size c"]:
    """Cuts a box out of an image and stretches it to a square, bicubically.

    Matches `F.interpolate(mode="bicubic", align_corners=False)` of the cut-out
    (docs/reference 3.2): no antialiasing, aspect ratio not kept, pixels beyond the box's border
    repeat its edge. For many masks use `jax.vmap`.

    Args:
        image: Normalised pixels, so that zero is the mean colour.
        mask: Pixels that stay; None keeps all.
        box: Top, left, bottom, right; an empty box gives whatever lies at its corner.
        size: Side of the result in pixels.
        outside: Colour of the other pixels, normalised: one value or one per channel.

    Returns:
        The crop.
    """
    rows, row_weights = _cubic_taps(box[0], box[2], size)
    columns, column_weights = _cubic_taps(box[1], box[3], size)
    strips = image[rows]  # [size, 4, W, c]: only the rows that are sampled
    if mask is not None:
        strips = jnp.where(mask[rows][..., None], strips, outside)
    lines = jnp.einsum("yt,ytwc->ywc", row_weights, strips)
    return jnp.einsum("xt,yxtc->yxc", column_weights, lines[:, columns])


def _cubic_taps(
    start: Int[Array, ""], stop: Int[Array, ""], size: int
) -> tuple[Int[Array, "size 4"], Float[Array, "size 4"]]:
    """Returns the four pixels between `start` and `stop` around each sample, and their weights."""
    length = jnp.maximum(stop - start, 1)
    position = (jnp.arange(size) + 0.5) * (length / size) - 0.5
    lower = jnp.floor(position)
    offsets = jnp.arange(-1, 3)
    weights = _cubic_kernel(jnp.abs(position - lower)[:, None] - offsets)
    pixels = jnp.clip(lower.astype(jnp.int32)[:, None] + offsets, 0, length - 1)
    return start + pixels, weights


def _cubic_kernel(distance: Float[Array, "size 4"]) -> Float[Array, "size 4"]:
    x = jnp.abs(distance)
    near = ((CUBIC + 2) * x - (CUBIC + 3)) * x**2 + 1
    far = CUBIC * (((x - 5) * x + 8) * x - 4)
    return jnp.where(x <= 1, near, jnp.where(x < 2, far, 0.0))


def crop_masks(
    image: Float[Array, "H W c"],
    masks: Bool[Array, "q H W"],
    boxes: Int[Array, "q 4"],
    size: int,
    *,
    outside: ArrayLike | None = 0.0,
) -> Float[Array, "q size size c"]:
    """Crops one image around each of its masks; see `crop_and_resize`.

    Args:
        image: Normalised pixels.
        masks: Hard masks of the image's size.
        boxes: One box per mask.
        size: Side of the crops in pixels.
        outside: Normalised colour outside the mask, by default the mean; None keeps the picture.
    """
    if outside is None:
        return jax.vmap(lambda box: crop_and_resize(image, None, box, size))(boxes)
    return jax.vmap(lambda mask, box: crop_and_resize(image, mask, box, size, outside))(
        masks, boxes
    )


def crop_regions(
    masks: Bool[Array, "q H W"], boxes: Int[Array, "q 4"], size: int
) -> Bool[Array, "q size size"]:
    """Crops masks themselves, to the nearest pixel: where each crop shows its object.

    Matches `F.interpolate(mode="nearest")` of the cut-out.

    Args:
        masks: Hard masks.
        boxes: Top, left, bottom, right of each.
        size: Side of the crops in pixels.
    """

    def crop(mask: Array, box: Array) -> Array:
        rows, columns = (_nearest(box[i], box[i + 2], size) for i in (0, 1))
        return mask[rows][:, columns]

    return jax.vmap(crop)(masks, boxes)


def _nearest(start: Int[Array, ""], stop: Int[Array, ""], size: int) -> Int[Array, " size"]:
    length = jnp.maximum(stop - start, 1)
    return start + jnp.arange(size) * length // size
