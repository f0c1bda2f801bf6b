"""Mask-Adapter's maps computed where a mask reaches, and taken from the empty mask elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.models.mask_adapter import MaskAdapterHead, MaskEmbedding, as_images, window_of
from ovseg_jax.models.unbound import call
from ovseg_jax.ops.chosen import map_chosen
from ovseg_jax.ops.chunks import map_chunks

FORMS = ("whole", "touched")
FEWEST = 8
"""Masks per image from which on computing the empty mask as well pays."""


def adapter_maps(
    head: MaskAdapterHead,
    features: Float[Array, "b h w d"],
    masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"],
    form: str | None = None,
) -> Float[Array, "b q m h w"]:
    """Computes what the head computes, for inference: the fastest form has no derivative.

    Norms and products of the head see single cells. Only convolutions carry a mask beyond itself:
    those of its embedding by a cell, each block by half its kernel. Cells that a mask does not
    reach keep what the image's empty mask gives them, at every block and in the maps: exactly, not
    nearly. Around a mask of 5 % of the picture that is more than half of the work on a grid of
    32 x 32. Empty masks cost the depthwise convolutions alone.

    Args:
        head: Bound to its parameters.
        features: Projected CLIP map.
        masks: As for the head.
        form: "whole" (the head as it is), "touched" (only cells that a mask reaches), or None for
            the faster one for so many masks on the platform that is compiled for: loops whose
            length depends on the masks pay on CPUs.

    Raises:
        OperandError: If the form is unknown.
    """
    if form not in (None, *FORMS):
        raise OperandError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    few = form is None and masks.shape[1] < FEWEST
    if head.is_initializing() or not head.num_blocks or few or form == "whole":
        return head(features, masks)
    free, variables = head.clone(parent=None), head.variables
    touched = partial(call, free, variables, method=_maps_by_chunks)
    if form == "touched":
        return touched(features, masks)
    whole = partial(call, free, variables, method="__call__")
    return lax.platform_dependent(features, masks, cpu=touched, default=whole)


def _maps_by_chunks(head: MaskAdapterHead, features: Array, masks: Array) -> Array:
    """As the head's own call: what masks share once, then some masks of each image at a time."""
    context, folded = head.prepare(features)
    unmarked = _unmarked(head, context, folded)
    free, variables = head.clone(parent=None), head.variables

    def adapt(part: Array) -> Array:
        return call(free, variables, context, folded, unmarked, part, method=_maps_of)

    return map_chunks(adapt, masks, head.chunk, axis=1)


def _unmarked(
    head: MaskAdapterHead, context: Float[Array, "b h w c"], folded: Array
) -> list[Float[Array, "b h w _c"]]:
    """What an image's empty mask gives: after every block, and the maps instead of the last."""
    height, width = context.shape[1:3]
    fine = as_images(jnp.zeros((1, 1, 1, 1)), height, width)
    x, found = context + head.mask_embedding.convolve(fine) @ folded, []
    for block in head.blocks:
        x = block(x)
        found.append(x)
    return [*found[:-1], head.maps(head.norm(x))]


def _maps_of(
    head: MaskAdapterHead,
    context: Float[Array, "b h w c"],
    folded: Array,
    unmarked: list[Float[Array, "b h w _c"]],
    masks: Array,
) -> Float[Array, "b q m h w"]:
    """The maps of one chunk of masks."""
    batch, height, width = context.shape[:3]
    images = as_images(masks, height, width)
    touched, count = _reached(head.mask_embedding, images), masks.shape[1]
    mixed = (head.mask_embedding.convolve(images) @ folded).reshape(batch, count, height, width, -1)
    x = (mixed + context[:, None]).reshape(-1, height, width, mixed.shape[-1])
    for index, block in enumerate(head.blocks):
        touched = _seen(touched, block.kernel, block.kernel // 2)
        elsewhere = jnp.repeat(unmarked[index], count if batch > 1 else 1, axis=0)
        read = (lambda x: head.maps(head.norm(x))) if index + 1 == head.num_blocks else _itself
        x = block(x, partial(_compute, touched, elsewhere, read))
    maps = jnp.moveaxis(x.astype(jnp.float32), -1, 1)
    return maps.reshape(batch, count, -1, height, width)


def _itself(x: Array) -> Array:
    return x


def _compute(
    touched: Bool[Array, "n h w"],
    elsewhere: Float[Array, "#n h w _c"],
    read: Callable[[Array], Array],
    function: Callable[..., Array],
    *arrays: Float[Array, "n h w _d"],
) -> Float[Array, "n h w _c"]:
    """Runs the part of a block that sees single cells, and what reads its result."""
    return map_chosen(lambda *rows: read(function(*rows)), arrays, touched, elsewhere)


def _reached(embedding: MaskEmbedding, images: Float[Array, "n h4 w4 1"]) -> Bool[Array, "n h w"]:
    """Cells whose embedding sees anything of a mask: the geometry of its convolutions."""
    touched = images[..., 0] != 0
    for stride in embedding.strides:
        touched = _seen(touched, *window_of(stride), stride)
    return touched


def _seen(
    touched: Bool[Array, "n h w"], side: int, border: int, stride: int = 1
) -> Bool[Array, "n _h _w"]:
    """Where a convolution sees anything that is touched."""
    padding = ((0, 0), (border, border), (border, border))
    window, strides = (1, side, side), (1, stride, stride)
    return lax.reduce_window(touched, False, lax.bitwise_or, window, strides, padding)
