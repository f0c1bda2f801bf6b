"""Masks from one model, named by another: bringing masks from frame to frame, and their names."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ovseg_jax.inference.ensemble import carried_logits
from ovseg_jax.inference.frame import Frame, Size, to_output
from ovseg_jax.ops.resize import resample_masks
from ovseg_jax.typing import Proposals

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


def adopt(
    proposals: Proposals,
    masks: Float[Array, "b q _h _w"],
    *,
    opinion: bool,
    table: Int[np.ndarray, " c"] | None = None,
    classes: int = 0,
    slots: int = 0,
) -> Proposals:
    """Takes over what another model proposes.

    Args:
        proposals: With the names that their own model gave, for the same words or for a fixed list.
        masks: Its masks in the frame of the model that takes over.
        opinion: Whether these names count. If not, nothing but "no object" is kept of them.
        table: Where each class of the fixed list stands among the words; None if words were asked
            for. See `ensemble.carried_logits`.
        classes: How many classes the words have.
        slots: Class slots of the words; those behind the classes are empty.

    Returns:
        Proposals whose names count exactly if they have class embeddings, of width zero where the
        other model has none.
    """
    logits, embeddings = proposals.class_logits, proposals.class_embeddings
    if not opinion or logits is None:
        return proposals.replace(masks=masks, class_embeddings=None)
    if table is not None:
        # Among the classes alone: empty slots would take a share from "no object".
        logits = carried_logits(logits, jnp.asarray(table), classes)
        empty = jnp.full((*logits.shape[:2], slots - classes), -jnp.inf)
        logits = jnp.concatenate([logits[..., :-1], empty, logits[..., -1:]], axis=-1)
    if embeddings is None:
        embeddings = jnp.zeros((*logits.shape[:2], 0))
    return proposals.replace(masks=masks, class_logits=logits, class_embeddings=embeddings)


def _axis(
    cells: int, source: Frame, picture: Size, padded: Size, axis: int
) -> Float[np.ndarray, "target cells"]:
    pixels = to_output(cells, Frame(source.padded, source.picture, picture), axis)
    margin = padded[axis] - picture[axis]
    whole = np.concatenate([pixels, np.repeat(pixels[-1:], margin, axis=0)])
    return whole.reshape(-1, STRIDE, cells).mean(1)
