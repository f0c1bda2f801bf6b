"""Which classes a model takes for which."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int

MOST_CLASSES = 14
"""Classes of the picture."""
MOST_PAIRS = 15
"""Lines of the list."""


@dataclasses.dataclass(frozen=True)
class Confusion:
    """Pixels of one class that were given another.

    Attributes:
        true: What they are.
        predicted: What they were called.
        pixels: How many.
        share: Of all pixels of the true class.
    """

    true: int
    predicted: int
    pixels: int
    share: float


def most_confused(matrix: Int[np.ndarray, "k1 k1"], most: int = MOST_PAIRS) -> list[Confusion]:
    """Lists pairs of classes by confused pixels, most first.

    Args:
        matrix: Pixels by [predicted, true] class; the last row and column are "none".
        most: Pairs at most.
    """
    wrong = matrix[:-1, :-1].copy()
    np.fill_diagonal(wrong, 0)
    totals = matrix[:, :-1].sum(0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = zip(*(part.tolist() for part in np.unravel_index(order, wrong.shape)), strict=True)
    return [
        Confusion(t, p, int(wrong[p, t]), float(wrong[p, t] / totals[t]))
        for p, t in pairs
        if wrong[p, t]
    ]


def confused_classes(matrix: Int[np.ndarray, "k1 k1"], most: int = MOST_CLASSES) -> list[int]:
    """The classes of the most confused pairs, each pair's classes beside each other."""
    chosen: dict[int, None] = {}
    for pair in most_confused(matrix, most=10 * most):
        new = {pair.true, pair.predicted} - chosen.keys()
        if len(chosen) + len(new) <= most:
            chosen |= {pair.true: None, pair.predicted: None}
    return list(chosen)


def shares(matrix: Int[np.ndarray, "k1 k1"], chosen: list[int]) -> Float[np.ndarray, "n n"]:
    """Of each chosen true class, a row, the share of pixels that got each chosen class."""
    totals = np.maximum(matrix[:, chosen].sum(0), 1)
    return (matrix[np.ix_(chosen, chosen)] / totals).T
