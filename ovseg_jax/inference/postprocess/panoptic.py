"""Panoptic segmentation: masks compete for pixels, and each winner becomes a segment.

Matches `panoptic_inference` of bytedance/fc-clip. Masks that cannot win (void, or a low score)
are dropped before any mask is resized. The competition runs under jit over a few rows at a time;
the bookkeeping of segment ids is a short loop in numpy.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.inference.postprocess.geometry import (
    Frame,
    cut_rows,
    resize_tile,
    rows_per_tile,
    to_output,
)

INSIDE = 0.5
"""Mask probability from which a pixel belongs to a mask."""


@dataclasses.dataclass(frozen=True)
class PanopticRules:
    """Which masks compete and which survive.

    Attributes:
        object_threshold: Masks whose best probability is not above this do not compete.
        overlap_threshold: Masks that win less than this fraction of their pixels are dropped.
        certain: Whether a mask gets only those won pixels in which its own probability is at
            least one half. Everything after MaskFormer has it so.
    """

    object_threshold: float = 0.0
    overlap_threshold: float = 0.8
    certain: bool = True


@dataclasses.dataclass(frozen=True)
class Panoptic:
    """Segments of one image.

    Attributes:
        segment_ids: 0 where nothing is claimed, i for the i-th segment.
        info: One row (id, is thing, class) per segment; `pan_info` of the goldens.
        scores: Class probability of each segment, of its best mask where stuff was merged.
    """

    segment_ids: Int[np.ndarray, "H W"]
    info: Int[np.ndarray, "n 3"]
    scores: Float[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True)
class Claims:
    """Who won which pixel.

    Attributes:
        owner: The mask with the largest score times mask probability at each pixel.
        solid: Whether that mask's own probability there is at least one half.
        areas: Pixels of each mask at that probability, won or not.
    """

    owner: Int[np.ndarray, "H W"]
    solid: Bool[np.ndarray, "H W"]
    areas: Int[np.ndarray, " q"]


def panoptic_segments(
    log_probs: Float[Array, "q k1"],
    mask_logits: Float[Array, "q _h _w"],
    frame: Frame,
    is_thing: Bool[np.ndarray, " k"],
    rules: PanopticRules,
    *,
    valid: Bool[np.ndarray, " q"] | None = None,
) -> Panoptic:
    """Segments one image from soft masks.

    Args:
        log_probs: Class logits or log probabilities of each mask, void last.
        mask_logits: Masks over the padded input, at any resolution, positive inside.
        frame: Sizes of the padded input, of the picture in it, and of the answer.
        is_thing: Class slots whose segments stay apart; stuff of one class is merged.
        rules: Thresholds.
        valid: False for slots that hold no mask.

    Returns:
        Ids and segments in the order of the masks.
    """
    kept, labels, scores = keep_masks(log_probs, rules.object_threshold, valid)
    if not len(kept):
        return empty_panoptic(frame.output)
    slots = 1 << (len(kept) - 1).bit_length()  # powers of two, so that few shapes compile
    padded = np.pad(kept, (0, slots - len(kept)))
    strength = jnp.asarray(np.pad(scores, (0, slots - len(kept))))
    owner, solid, areas = _claim(mask_logits[padded], strength, frame)
    claims = Claims(np.asarray(owner), np.asarray(solid), np.asarray(areas)[: len(kept)])
    return assemble(claims, labels, scores, is_thing, rules)


def keep_masks(
    log_probs: Float[Array, "q k1"],
    object_threshold: float,
    valid: Bool[np.ndarray, " q"] | None = None,
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """Picks the masks that compete: index, class and probability of each.

    A mask competes when its best column is a class, not void, with probability above the
    threshold.
    """
    probabilities = np.asarray(jax.nn.softmax(log_probs, axis=-1))
    labels, scores = probabilities.argmax(-1), probabilities.max(-1)
    keep = (labels != probabilities.shape[-1] - 1) & (scores > object_threshold)
    if valid is not None:
        keep &= valid
    kept = np.flatnonzero(keep)
    return kept, labels[kept], scores[kept]


def claim_pixels(scores: Float[np.ndarray, " q"], mask_probs: Float[np.ndarray, "q H W"]) -> Claims:
    """Lets masks compete for every pixel at once: the plain form, for few masks."""
    owner = (scores[:, None, None] * mask_probs).argmax(0)
    solid = np.take_along_axis(mask_probs, owner[None], axis=0)[0] >= INSIDE
    return Claims(owner, solid, (mask_probs >= INSIDE).sum((1, 2)))


@functools.partial(jax.jit, static_argnames=("frame", "rows"))
def _claim(
    mask_logits: Float[Array, "q _h _w"],
    scores: Float[Array, " q"],
    frame: Frame,
    rows: int = 0,
) -> tuple[Int[Array, "_H _W"], Bool[Array, "_H _W"], Int[Array, " q"]]:
    """`claim_pixels` a few rows at a time; a score of zero never wins against a positive one."""
    rows = rows or rows_per_tile(frame, 3 * mask_logits.shape[0])
    tiles = cut_rows(to_output(mask_logits.shape[1], frame, 0), rows)
    columns = to_output(mask_logits.shape[2], frame, 1)
    real = jnp.arange(len(tiles.starts) * rows).reshape(-1, rows) < tiles.height

    def compete(tile: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        start, weights, inside = tile
        probs = jax.nn.sigmoid(resize_tile(mask_logits, start, weights, columns))
        owner = (scores[:, None, None] * probs).argmax(0)
        solid = jnp.take_along_axis(probs, owner[None], axis=0)[0] >= INSIDE
        areas = ((probs >= INSIDE) & inside[None, :, None]).sum((1, 2))
        return owner.astype(jnp.int32), solid, areas

    inputs = (jnp.asarray(tiles.starts), jnp.float32(tiles.weights), real)
    owner, solid, areas = lax.map(compete, inputs)
    height, width = tiles.height, frame.output[1]
    return owner.reshape(-1, width)[:height], solid.reshape(-1, width)[:height], areas.sum(0)


def assemble(
    claims: Claims,
    labels: Int[np.ndarray, " q"],
    scores: Float[np.ndarray, " q"],
    is_thing: Bool[np.ndarray, " k"],
    rules: PanopticRules,
) -> Panoptic:
    """Numbers the segments: a mask that lost too much is dropped, stuff of one class is merged."""
    count = len(labels)
    if not count:
        return empty_panoptic(claims.owner.shape)
    if not rules.certain:
        claims = dataclasses.replace(claims, solid=np.ones_like(claims.solid))
    won = np.bincount(claims.owner.ravel(), minlength=count)[:count]
    solid = np.bincount(claims.owner[claims.solid], minlength=count)[:count]
    numbers = np.zeros(count, np.int32)  # segment id of each mask
    info, strength, stuff = [], [], {}
    for mask in range(count):
        label = int(labels[mask])
        if not solid[mask] or won[mask] / max(claims.areas[mask], 1) < rules.overlap_threshold:
            continue
        if label in stuff:
            numbers[mask] = stuff[label]
            strength[stuff[label] - 1] = max(strength[stuff[label] - 1], float(scores[mask]))
            continue
        numbers[mask] = len(info) + 1
        info.append((len(info) + 1, int(is_thing[label]), label))
        strength.append(float(scores[mask]))
        if not is_thing[label]:
            stuff[label] = len(info)
    ids = np.where(claims.solid, numbers[claims.owner], 0).astype(np.int32)
    rows = np.array(info, np.int64).reshape(-1, 3)
    return Panoptic(segment_ids=ids, info=rows, scores=np.array(strength, np.float32))


def empty_panoptic(size: tuple[int, int]) -> Panoptic:
    """The answer where no mask competes."""
    return Panoptic(
        segment_ids=np.zeros(size, np.int32),
        info=np.zeros((0, 3), np.int64),
        scores=np.zeros(0, np.float32),
    )
