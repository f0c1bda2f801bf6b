"""Mask average precision of sets whose photos were searched for some classes only, as LVIS's is.

The rules of lvis-api (`LVISEval`, mode "default"; A. Gupta, P. Dollar and R. Girshick, "LVIS: A
Dataset for Large Vocabulary Instance Segmentation", CVPR 2019):

* of a photo, the 300 best found objects count;
* one of a class that the photo was not searched for says nothing and is left out;
* one that is like no true object is excused where not all objects of its class are annotated.

Objects are matched photo by photo, so states are small, and the same in any order of photos.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.evaluation.evaluator import Table, mean_of_known
from ovseg_jax.evaluation.instance import ImageInstances

MOST = 300
"""Found objects of a photo that count."""
IOUS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS = {"": (0, 1e10), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e10)}
"""Smallest and largest area in pixels, by the ending of the number's name."""
RARITIES = ("r", "c", "f")
"""Rare, common and frequent classes."""


@dataclasses.dataclass(frozen=True)
class Matches:
    """What became of the found objects of one photo.

    Attributes:
        classes: Class of each found object that counts, the best first.
        scores: Its score.
        is_right: Whether it is a true object that counts; by range of area and IoU threshold.
        is_wrong: Whether it is none, and that counts against it; neither where it is excused.
        truth: Class of each true object.
        counts: Whether a true object counts; by range of area.
    """

    classes: Int[np.ndarray, " p"]
    scores: Float[np.ndarray, " p"]
    is_right: Bool[np.ndarray, "p 4 10"]
    is_wrong: Bool[np.ndarray, "p 4 10"]
    truth: Int[np.ndarray, " n"]
    counts: Bool[np.ndarray, "n 4"]


@dataclasses.dataclass(frozen=True)
class Judged:
    """Any number of photos in their order, by which equal scores are ranked; sums join them.

    Attributes:
        photos: The photos.
        found: All that was found in each, in COCO's form; nothing where answers are not kept.
    """

    photos: tuple[Matches, ...] = ()
    found: tuple[tuple[dict, ...], ...] = ()

    def __add__(self, other: Judged) -> Judged:
        """Joins the photos of two parts."""
        return Judged(self.photos + other.photos, self.found + other.found)


def match(
    image: ImageInstances, negatives: Collection[int], not_exhaustive: Collection[int]
) -> Matches:
    """Compares what was found in one photo with its annotations.

    Args:
        image: True and found objects; crowds are excused.
        negatives: Classes that the photo was searched for in vain.
        not_exhaustive: Classes of which not every object is annotated.
    """
    best = np.argsort(-image.scores, kind="stable")[:MOST]
    judged = np.isin(image.classes[best], [*image.true_classes.tolist(), *negatives])
    best = best[judged]
    classes, masks = image.classes[best], image.masks[best]
    counts = _in_ranges(image.true_masks) & ~image.crowds[:, None]
    matched, excused = _paired(_ious(masks, classes, image.true_masks, image.true_classes), counts)
    lenient = ~_in_ranges(masks) | np.isin(classes, list(not_exhaustive))[:, None]
    return Matches(
        classes=classes,
        scores=image.scores[best].astype(np.float64),
        is_right=matched & ~excused,
        is_wrong=~matched & ~lenient[..., None],
        truth=image.true_classes,
        counts=counts,
    )


@dataclasses.dataclass(frozen=True)
class FederatedAp:
    """LVIS's numbers, as fractions.

    Attributes:
        precision: At 4 ranges of area, 10 IoU thresholds, 101 recalls and each class; NaN for
            classes without a true object in the range.
        frequencies: "r", "c", "f" or "" of each class.
    """

    precision: Float[np.ndarray, "4 10 101 k"]
    frequencies: Sequence[str]

    def per_class(self) -> Float[np.ndarray, " k"]:
        """AP of each class; NaN without a true object."""
        return self.precision[0].mean((0, 1))

    def table(self) -> Table:
        """AP, AP50 and AP75; of areas (APs, APm, APl) and of frequencies (APr, APc, APf).

        NaN where no class has a true object.
        """
        whole, letters = self.precision[0], np.array(self.frequencies)
        found = {"AP": whole, "AP50": whole[0], "AP75": whole[5]}
        found |= {f"AP{x}": self.precision[row] for row, x in enumerate(AREAS) if x}
        found |= {f"AP{x}": whole[..., letters == x] for x in RARITIES}
        return {name: mean_of_known(values) for name, values in found.items()}


def federated_ap(judged: Judged, frequencies: Sequence[str]) -> FederatedAp:
    """Scores all photos.

    Args:
        judged: The photos.
        frequencies: "r", "c", "f" or "" of each class.
    """
    kinds = len(frequencies)
    precision = np.full((len(AREAS), len(IOUS), len(RECALLS), kinds), np.nan)
    if not judged.photos:
        return FederatedAp(precision, frequencies)
    joined = Matches(
        *(
            np.concatenate([getattr(photo, field.name) for photo in judged.photos])
            for field in dataclasses.fields(Matches)
        )
    )
    totals = np.zeros((kinds, len(AREAS)), np.int64)
    np.add.at(totals, joined.truth, joined.counts)
    ranked = np.lexsort((np.arange(len(joined.classes)), -joined.scores, joined.classes))
    edges = np.searchsorted(joined.classes[ranked], np.arange(kinds + 1))
    for label in np.flatnonzero(totals.any(1)).tolist():
        own = ranked[edges[label] : edges[label + 1]]
        for area in np.flatnonzero(totals[label]).tolist():
            curves = _precision(
                joined.is_right[own, area], joined.is_wrong[own, area], totals[label, area]
            )
            precision[area, :, :, label] = curves
    return FederatedAp(precision, frequencies)


def _in_ranges(masks: Bool[np.ndarray, "n H W"]) -> Bool[np.ndarray, "n 4"]:
    areas = masks.sum((1, 2))[:, None]
    return np.concatenate([(areas >= low) & (areas <= high) for low, high in AREAS.values()], 1)


def _ious(
    masks: Bool[np.ndarray, "p H W"],
    classes: Int[np.ndarray, " p"],
    true_masks: Bool[np.ndarray, "n H W"],
    true_classes: Int[np.ndarray, " n"],
) -> Float[np.ndarray, "p n"]:
    """IoU of found and true objects; -1 where they are of different classes."""
    ious = np.full((len(masks), len(true_masks)), -1.0)
    for label in np.intersect1d(classes, true_classes):
        found, true = np.flatnonzero(classes == label), np.flatnonzero(true_classes == label)
        one, other = masks[found].reshape(len(found), -1), true_masks[true].reshape(len(true), -1)
        for row, place in zip(one, found, strict=True):
            both, either = (row & other).sum(1), (row | other).sum(1)
            ious[place, true] = both / np.maximum(either, 1)
    return ious


def _paired(
    ious: Float[np.ndarray, "p n"], counts: Bool[np.ndarray, "n 4"]
) -> tuple[Bool[np.ndarray, "p 4 10"], Bool[np.ndarray, "p 4 10"]]:
    """Gives each found object, the best first, the free true object that is most like it.

    True objects that count come before those that do not, the later of equal ones first.

    Returns:
        Whether it got one; whether that one does not count.
    """
    shape = len(ious), len(AREAS), len(IOUS)
    matched, excused = np.zeros(shape, bool), np.zeros(shape, bool)
    free = np.ones((len(AREAS), len(IOUS), ious.shape[1]), bool)
    for place in np.flatnonzero((ious > 0).any(1)).tolist():
        # A free object that counts outranks all that do not, and among equals the last does.
        row = ious[place]
        eligible = free & (row >= np.minimum(IOUS, 1 - 1e-10)[:, None])
        rank = np.where(eligible, row + 2.0 * counts.T[:, None], -1.0)
        chosen = rank.shape[-1] - 1 - np.argmax(rank[..., ::-1], axis=-1)
        matched[place] = eligible.any(-1)
        excused[place] = matched[place] & ~np.take_along_axis(counts.T, chosen, axis=1)
        area, threshold = np.nonzero(matched[place])
        free[area, threshold, chosen[area, threshold]] = False
    return matched, excused


def _precision(
    is_right: Bool[np.ndarray, "p 10"], is_wrong: Bool[np.ndarray, "p 10"], total: int
) -> Float[np.ndarray, "10 101"]:
    """Best precision at each recall or beyond, 0 where it is not reached."""
    right, wrong = np.cumsum(is_right, 0), np.cumsum(is_wrong, 0)
    precision = right / (right + wrong + np.spacing(1))
    precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    padded = np.concatenate([precision, np.zeros((1, len(IOUS)))])
    places = [np.searchsorted(column / total, RECALLS) for column in right.T]
    return np.stack([padded[place, row] for row, place in enumerate(places)])
