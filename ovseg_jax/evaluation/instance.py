"""Mask average precision as COCO defines it, computed by pycocotools."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.evaluation.evaluator import (
    Outcome,
    Table,
    at_size_of_score,
    class_groups,
    valid_images,
)
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.inference.postprocess.geometry import as_logits
from ovseg_jax.inference.postprocess.instance import instances
from ovseg_jax.inputs.batches import Overlaps
from ovseg_jax.inputs.federated import Searched

if TYPE_CHECKING:
    from pycocotools.coco import COCO

STATS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


@dataclasses.dataclass(frozen=True)
class ImageInstances:
    """True and predicted instances of one image.

    Attributes:
        true_masks: Ground truth; at least an empty array that carries the image's size.
        true_classes: Class of each true mask.
        crowds: Which true masks are crowds.
        masks: Predicted masks.
        classes: Class of each predicted mask.
        scores: Score of each predicted mask.
    """

    true_masks: Bool[np.ndarray, "n H W"]
    true_classes: Int[np.ndarray, " n"]
    crowds: Bool[np.ndarray, " n"]
    masks: Bool[np.ndarray, "p H W"]
    classes: Int[np.ndarray, " p"]
    scores: Float[np.ndarray, " p"]


@dataclasses.dataclass(frozen=True)
class MaskAp:
    """COCO's numbers, as fractions; -1 where undefined.

    Attributes:
        stats: The twelve summary numbers, named by `STATS`.
        precision: Precision at 10 IoU thresholds, 101 recalls and each class, all areas.
        recall: Largest recall at 10 IoU thresholds and each class, all areas.
    """

    stats: Float[np.ndarray, " 12"]
    precision: Float[np.ndarray, "10 101 k"]
    recall: Float[np.ndarray, "10 k"]

    def per_class(self) -> Float[np.ndarray, " k"]:
        """AP of each class; NaN without ground truth."""
        values = np.where(self.precision > -1, self.precision, np.nan)
        return np.array([np.nanmean(v) if (v > -1).any() else np.nan for v in values.T])


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Instances of any number of images as run lengths, which are small; sums join lists.

    Attributes:
        sizes: Height and width of each image.
        truth: Annotations of each image in COCO's form.
        found: Predictions of each image likewise.
    """

    sizes: tuple[tuple[int, int], ...] = ()
    truth: tuple[tuple[dict, ...], ...] = ()
    found: tuple[tuple[dict, ...], ...] = ()

    @classmethod
    def of(cls, image: ImageInstances) -> Encoded:
        """Encodes one image."""
        truth = zip(image.true_masks, image.true_classes, image.crowds, strict=True)
        return cls(
            sizes=(image.true_masks.shape[1:],),
            truth=(tuple(_annotation(m, c, iscrowd=int(crowd)) for m, c, crowd in truth),),
            found=(encoded_found(image),),
        )

    def __add__(self, other: Encoded) -> Encoded:
        """Joins the images of two parts."""
        return Encoded(self.sizes + other.sizes, self.truth + other.truth, self.found + other.found)


def encoded_found(image: ImageInstances) -> tuple[dict, ...]:
    """Encodes what was found in one image, as `Encoded` holds it."""
    found = zip(image.masks, image.classes, image.scores, strict=True)
    return tuple(_annotation(m, c, iscrowd=0, score=float(x)) for m, c, x in found)


def mask_ap(images: Sequence[ImageInstances], classes: Sequence[int]) -> MaskAp:
    """Scores instances over all images.

    Args:
        images: Truth and predictions, image by image.
        classes: The class numbers in use, in the order wanted.
    """
    return encoded_ap(sum(map(Encoded.of, images), Encoded()), classes)


def encoded_ap(images: Encoded, classes: Sequence[int]) -> MaskAp:
    """Scores instances over all images, as `mask_ap` does."""
    from pycocotools.cocoeval import COCOeval

    sides = {
        "images": [
            {"id": number, "height": height, "width": width}
            for number, (height, width) in enumerate(images.sizes, start=1)
        ],
        "categories": [{"id": int(label)} for label in classes],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports by printing
        truth = _indexed({**sides, "annotations": _numbered(images.truth)})
        found = _indexed({**sides, "annotations": _numbered(images.found)})
        run = COCOeval(truth, found, "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
    everything = {"area": 0, "detections": -1}
    precision = run.eval["precision"][..., everything["area"], everything["detections"]]
    recall = run.eval["recall"][..., everything["area"], everything["detections"]]
    return MaskAp(stats=run.stats, precision=precision, recall=recall)


@dataclasses.dataclass(frozen=True)
class InstanceEvaluator:
    """Mask AP of the instance task over thing classes, at the size of the batch's images.

    True objects may overlap; what is found inside a crowd of its class is neither right nor wrong.

    Attributes:
        seen: Classes that share a name with the training vocabulary; None for no such groups.
        is_thing: Classes that are things; without any there is nothing to score.
        top: Pairs of mask and class that are considered per image.
        last: The state that was scored last and its scores, since scoring takes long.
    """

    seen: Bool[np.ndarray, " k"] | None
    is_thing: Bool[np.ndarray, " k"]
    top: int = 100
    last: list[tuple[Encoded, MaskAp]] = dataclasses.field(default_factory=list, compare=False)

    def init(self) -> Encoded:
        """No images."""
        return Encoded()

    def update(self, state: Encoded, outcome: Outcome) -> Encoded:
        """Adds the instances of one batch, image by image."""
        for index in np.flatnonzero(np.asarray(valid_images(outcome.batch))):
            one = jax.tree.map(lambda leaf, i=index: leaf[i], outcome)
            state = state + Encoded.of(instances_of(one, self.is_thing, self.top))
        return state

    def result(self, state: Encoded) -> Table:
        """AP, AP50 and AP75 over all things, and AP per group of classes."""
        scores, each = self._scores(state), self.per_class(state)["AP"]
        table = {name: float(scores.stats[place]) for place, name in enumerate(STATS[:3])}
        groups = class_groups(self.seen, self.is_thing)
        known = {name: each[members & self.is_thing] for name, members in groups.items()}
        return table | {
            f"AP/{name}": float(np.nanmean(values))
            for name, values in known.items()
            if np.isfinite(values).any()
        }

    def per_class(self, state: Encoded) -> dict[str, Float[np.ndarray, " k"]]:
        """AP of each class; NaN for stuff and for things without ground truth."""
        each = np.full(len(self.is_thing), np.nan)
        each[self.is_thing] = self._scores(state).per_class()
        return {"AP": each}

    def _scores(self, state: Encoded) -> MaskAp:
        if not self.last or self.last[0][0] is not state:
            self.last[:] = [(state, encoded_ap(state, np.flatnonzero(self.is_thing).tolist()))]
        return self.last[0][1]

    def count_found(
        self,
        found: Sequence[dict],
        batch: Batch,
        overlaps: Overlaps | None,
        searched: Searched | None,
    ) -> Encoded:
        """Counts one photo anew, from what was found in it.

        Args:
            found: As `Encoded` holds it.
            batch: The truth, without the batch axis.
            overlaps: See `Outcome`, likewise.
            searched: See `Outcome`; says nothing here.
        """
        del searched
        empty = np.zeros((0, *map(int, batch.sizes)), bool), np.zeros(0, int), np.zeros(0)
        truth = ImageInstances(*true_instances(batch, overlaps, self.is_thing), *empty)
        return dataclasses.replace(Encoded.of(truth), found=(tuple(found),))


def true_instances(
    batch: Batch, overlaps: Overlaps | None, is_thing: Bool[np.ndarray, " k"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks, classes and crowds of the true things of one photo, given without the batch axis."""
    labels, crowds = np.asarray(batch.labels), batch.crowds
    own = np.flatnonzero((labels >= 0) & is_thing[np.maximum(labels, 0)])
    height, width = map(int, batch.sizes)
    masks = true_masks(batch, overlaps, own + 1)[:, :height, :width]
    crowd = np.zeros(len(own), bool) if crowds is None else np.asarray(crowds)[own]
    return masks, labels[own], crowd


def instances_of(outcome: Outcome, is_thing: Bool[np.ndarray, " k"], top: int) -> ImageInstances:
    """True and predicted instances of one image, at the size of its score.

    Args:
        outcome: Of one image, without the batch axis.
        is_thing: Classes that are things.
        top: Pairs of mask and class that are considered.
    """
    slots = outcome.log_probs.shape[-1] - 1
    frame, (height, width) = at_size_of_score(outcome)
    found = instances(
        outcome.log_probs,
        as_logits(outcome.proposals.masks),
        frame,
        top=top,
        is_thing=np.pad(is_thing, (0, slots - len(is_thing))),
        valid=np.asarray(outcome.proposals.valid),
    )
    masks = found.masks[:, :height, :width]
    truth = true_instances(outcome.batch, outcome.overlaps, is_thing)
    return ImageInstances(*truth, masks, found.classes, found.scores)


def true_masks(
    batch: Batch, overlaps: Overlaps | None, ids: Int[np.ndarray, " n"]
) -> Bool[np.ndarray, "n H W"]:
    """All pixels of true segments of one image, what others hide of them included."""
    masks = np.asarray(batch.segment_ids)[None] == ids[:, None, None]
    if overlaps is not None:
        known = {number: row for row, number in enumerate(overlaps.ids.tolist()) if number}
        for place, number in enumerate(ids.tolist()):
            if number in known:
                masks[place] = overlaps.masks[known[number]]
    return masks


def _indexed(content: dict[str, Any]) -> COCO:
    """A data set of pycocotools with this content."""
    from pycocotools.coco import COCO

    data = COCO()
    # Its stubs ask for names of categories and for boxes, which scores of masks do without.
    data.dataset = content  # type: ignore[reportAttributeAccessIssue]
    data.createIndex()
    return data


def _numbered(images: Sequence[Sequence[dict]]) -> list[dict]:
    """Annotations of all images in one list, each with its own and its image's number."""
    flat = [
        {"image_id": number, **item}
        for number, items in enumerate(images, start=1)
        for item in items
    ]
    return [{"id": number, **item} for number, item in enumerate(flat, start=1)]


def _annotation(mask: np.ndarray, label: int, **fields: float) -> dict:
    from pycocotools import mask as coco

    return {
        "category_id": int(label),
        "segmentation": coco.encode(np.asfortranarray(mask, np.uint8)),
        "area": float(mask.sum()),
        **fields,
    }
