"""How two results differ, and whether photos by chance could have made the difference.

The interval is that of a paired bootstrap: photos are drawn again with replacement, the same for
both, and both scores are computed anew from the sums of the photos that were drawn. It says how
the difference would vary with other photos of the kind, not with another training.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from ovseg_jax.evaluation import panoptic, semantic
from ovseg_jax.evaluation.photo_sums import PhotoSums, SparseSums
from ovseg_jax.evaluation.stored_result import StoredResult
from ovseg_jax.foundation.errors import OperandError, first_few

COMPARED = ("weights",)
"""Fields of the card that may differ: they say what is compared."""
RESAMPLES, SEED, SURE = 1000, 0, 95
"""Draws of photos, their seed, and the percent of them that the interval holds."""
TOGETHER = 50
"""Draws whose sums are held at once."""

Score = Callable[[Float[np.ndarray, "r k c"]], Float[np.ndarray, " r"]]


class PhotosDiffer(OperandError):
    """Two results are not of the same photos; the message names the first that differ."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """One number in both results.

    Attributes:
        name: Of a metric or of a class.
        first: In the first result.
        second: In the second.
        interval: Bounds of the difference; None where they are not known.
    """

    name: str
    first: float
    second: float
    interval: tuple[float, float] | None = None

    @property
    def change(self) -> float:
        """Second less first."""
        return self.second - self.first


def protocol_differences(
    first: Mapping[str, Any], second: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Fields in which two cards differ, and what each says; None for a field that one lacks."""
    fields = [name for name in {**first, **second} if name not in COMPARED]
    both = [(name, first.get(name), second.get(name)) for name in fields]
    return [entry for entry in both if entry[1] != entry[2]]


def score_differences(
    first: StoredResult,
    second: StoredResult,
    intervals: Mapping[str, tuple[float, float]] | None = None,
) -> list[Difference]:
    """Scores that both have, in the order of the first."""
    shared = [name for name in first.scores if name in second.scores]
    known = intervals or {}
    return [
        Difference(name, first.scores[name], second.scores[name], known.get(name))
        for name in shared
    ]


def class_differences(first: StoredResult, second: StoredResult, metric: str) -> list[Difference]:
    """Classes that both have a number of, the largest change first."""
    pairs = [
        Difference(name, row.get(metric, math.nan), second.classes[name].get(metric, math.nan))
        for name, row in first.classes.items()
        if name in second.classes
    ]
    known = [pair for pair in pairs if not math.isnan(pair.change)]
    return sorted(known, key=lambda pair: -abs(pair.change))


def class_metrics(first: StoredResult, second: StoredResult) -> list[str]:
    """Numbers of classes that both results have."""
    rows = [next(iter(one.classes.values()), {}) for one in (first, second)]
    return [name for name in rows[0] if name in rows[1]]


def intervals(first: StoredResult, second: StoredResult) -> dict[str, tuple[float, float]]:
    """Bounds of the differences of mIoU and PQ, where both results have sums of photos.

    Raises:
        PhotosDiffer: The photos are not the same.
        OperandError: Sums do not belong to the scores that they lie beside.
    """
    if first.photos is None or second.photos is None:
        return {}
    ways = [dict(_ways(first)), dict(_ways(second))]
    shared = [name for name in first.photos.sums if all(name in way for way in ways)]
    if not shared:
        return {}
    photos = (first.photos, _in_order_of(first.photos, second.photos))
    found = {}
    for name in shared:
        for one, sums, way in zip((first, second), photos, ways, strict=True):
            _check_whole(one, sums, name, *way[name])
        drawn = [
            _resampled(sums.sums[name], sums.num_classes, way[name][1])
            for sums, way in zip(photos, ways, strict=True)
        ]
        if not np.isnan(change := drawn[1] - drawn[0]).all():
            rest = (100 - SURE) / 2
            low, high = np.nanpercentile(change, [rest, 100 - rest]).tolist()
            found[ways[0][name][0]] = (low, high)
    return found


def _ways(one: StoredResult) -> Iterator[tuple[str, tuple[str, Score]]]:
    """Of each evaluator with sums, the name of its score and how it comes out of them."""
    sums = one.photos.sums if one.photos else {}
    convention = one.protocol.get("miou")
    if convention in semantic.CONVENTIONS and "semantic" in sums:
        yield "semantic", ("semantic/mIoU", lambda sums: semantic.mean_of_sums(sums, convention))
    if "panoptic" in sums:
        yield "panoptic", ("panoptic/PQ", panoptic.mean_of_sums)


def _in_order_of(first: PhotoSums, second: PhotoSums) -> PhotoSums:
    """The second result's sums with its photos in the order of the first.

    Raises:
        PhotosDiffer: Names differ.
    """
    names = [Counter(first.names), Counter(second.names)]
    if names[0] != names[1]:
        alone = [sorted((a - b).elements()) for a, b in (names, names[::-1])]
        raise PhotosDiffer(
            "the results are not of the same photos: "
            f"only in the first: {first_few(alone[0], 3) or 'none'}; "
            f"only in the second: {first_few(alone[1], 3) or 'none'}"
        )
    orders = [np.argsort(np.array(one.names), kind="stable") for one in (first, second)]
    order = np.empty(len(first.names), np.int64)
    order[orders[0]] = orders[1]
    sums = {name: one.taken(order) for name, one in second.sums.items()}
    return PhotoSums(first.names, second.num_classes, sums)


def _check_whole(one: StoredResult, photos: PhotoSums, name: str, key: str, score: Score) -> None:
    """Refuses sums that do not give the score beside them."""
    all_once = np.ones((1, len(photos.names)))
    whole = float(score(photos.sums[name].total(all_once, photos.num_classes))[0])
    if not np.isclose(whole, one.scores.get(key, math.nan), rtol=0, atol=1e-6, equal_nan=True):
        raise OperandError(
            f"the sums of photos beside {one.path} give {key} {whole:.4f}, not that of the file; "
            "they are of another run: evaluate again"
        )


def _resampled(sums: SparseSums, num_classes: int, score: Score) -> Float[np.ndarray, " r"]:
    """The score of each draw of photos; draws are the same for all results of as many photos."""
    count, rng = len(sums.starts) - 1, np.random.default_rng(SEED)
    even = np.full(count, 1 / count)
    found = []
    for start in range(0, RESAMPLES, TOGETHER):
        weights = rng.multinomial(count, even, size=min(TOGETHER, RESAMPLES - start))
        found.append(score(sums.total(weights.astype(np.float64), num_classes)))
    return np.concatenate(found)
