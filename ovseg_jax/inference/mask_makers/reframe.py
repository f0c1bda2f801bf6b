"""Bringing mask logits from the frame of one network to that of another."""

from __future__ import annotations

import functools

import jax
import numpy as np
from jaxtyping import Array, Float

from ovseg_jax.inference.postprocess.geometry import Frame, Size, to_output
from ovseg_jax.ops.images.resize import resample_masks

STRIDE = 4
"""Pixels of the new frame per mask cell, as in every published generator."""


@functools.partial(jax.jit, static_argnames=("source", "target"))
def reframe(
    masks: Float[Array, "b q _h _w"], source: Frame, target: Frame
) -> Float[Array, "b q _H _W"]:
    """Brings mask logits from the frame of one network to that of another.

    Both frames hold the same photo, resized and padded in their own ways. Cells become the mean of
    what lies under them; padding repeats the picture's edge.

    Args:
        masks: Over the source's padded frame, at any resolution.
        source: Frame that they cover.
        target: Frame that they should cover.

    Returns:
        Mask logits over the target's padded frame at a quarter of its resolution.
    """
    if source.padded == target.padded and source.picture == target.picture:
        return masks
    rows, columns = (
        _axis(masks.shape[2 + axis], source, target.picture, target.padded, axis) for axis in (0, 1)
    )
    return resample_masks(masks, rows, columns)


def _axis(
    cells: int, source: Frame, picture: Size, padded: Size, axis: int
) -> Float[np.ndarray, "target cells"]:
    pixels = to_output(cells, Frame(source.padded, source.picture, picture), axis)
    margin = padded[axis] - picture[axis]
    whole = np.concatenate([pixels, np.repeat(pixels[-1:], margin, axis=0)])
    return whole.reshape(-1, STRIDE, cells).mean(1)
