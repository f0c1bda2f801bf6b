"""The three tasks on hard masks at the photo's own size: masks from files and from people.

Nothing is resized, so what comes out lies exactly on the masks that went in. Pixels that lie in
the same set of masks have the same answer; a photo has few such sets, so each is decided once.
A hard mask has probability one inside and zero outside, in the formulas of `semantic`, `panoptic`
and `instance`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.inference.postprocess.panoptic import Claims


@dataclasses.dataclass(frozen=True)
class Patterns:
    """Which masks lie over each pixel.

    Attributes:
        index: Row of `members` for each pixel.
        members: The distinct sets of masks that occur, one row each.
        counts: Pixels of each set.
    """

    index: Int[np.ndarray, "H W"]
    members: Bool[np.ndarray, "p q"]
    counts: Int[np.ndarray, " p"]


def find_patterns(masks: Bool[np.ndarray, "q H W"]) -> Patterns:
    """Groups the pixels by the set of masks that they lie in."""
    count, height, width = masks.shape
    if not count:
        one_set = np.array([height * width])
        return Patterns(np.zeros((height, width), np.int32), np.zeros((1, 0), bool), one_set)
    bits = np.packbits(masks.reshape(count, -1), axis=0).T  # [pixels, bytes]
    # Neighbours mostly agree: only the first pixel of each run has to be sorted.
    starts = np.flatnonzero(np.r_[True, (bits[1:] != bits[:-1]).any(1)])
    rows, inverse = np.unique(bits[starts], axis=0, return_inverse=True)
    lengths = np.diff(np.r_[starts, len(bits)])
    inverse = inverse.reshape(-1)
    return Patterns(
        index=np.repeat(inverse, lengths).reshape(height, width).astype(np.int32),
        members=np.unpackbits(rows, axis=1, count=count).astype(bool),
        counts=np.bincount(inverse, weights=lengths, minlength=len(rows)).astype(np.int64),
    )


def label_pixels(
    probabilities: Float[np.ndarray, "q k"], patterns: Patterns
) -> tuple[Int[np.ndarray, "H W"], Float[np.ndarray, "H W"]]:
    """Semantic: the class with the largest sum of probabilities over the masks of each pixel.

    Returns:
        Class of every pixel, -1 where no mask lies; and the sum that won, at most 1.
    """
    sums = patterns.members.astype(np.float32) @ probabilities.astype(np.float32)
    covered = patterns.members.any(1)
    labels = np.where(covered, sums.argmax(1), -1).astype(np.int32)
    scores = np.where(covered, np.minimum(sums.max(1), 1.0), 0.0).astype(np.float32)
    return labels[patterns.index], scores[patterns.index]


def claim_pixels(scores: Float[np.ndarray, " q"], patterns: Patterns) -> Claims:
    """Panoptic: the mask with the highest score owns the pixel.

    Among equal scores the smaller mask wins, so that a part is not hidden by its whole.
    """
    members = patterns.members
    areas = (members * patterns.counts[:, None]).sum(0)
    rank = np.empty(len(scores), np.int64)
    rank[np.lexsort((areas, -scores))] = np.arange(len(scores), 0, -1)
    ranks = np.where(members, rank, 0)
    owner = ranks.argmax(1).astype(np.int32) if len(scores) else np.zeros(len(members), np.int32)
    solid = np.any(members, axis=1)
    return Claims(owner[patterns.index], solid[patterns.index], areas)


def top_masks(
    masks: Bool[np.ndarray, "q H W"], order: Int[np.ndarray, " q"]
) -> Int[np.ndarray, "H W"]:
    """Paints masks from last to first: 0 where none lies, else 1 + the place in `order`."""
    ids = np.zeros(masks.shape[1:], np.int32)
    for place in range(len(order) - 1, -1, -1):
        ids[masks[order[place]]] = place + 1
    return ids
