"""Mask average precision as COCO defines it, computed by pycocotools."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

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


def mask_ap(images: Sequence[ImageInstances], classes: Sequence[int]) -> MaskAp:
    """Scores instances over all images.

    Args:
        images: Truth and predictions, image by image.
        classes: The class numbers in use, in the order wanted.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports by printing
        truth = COCO()
        truth.dataset = _truth(images, classes)
        truth.createIndex()
        found = COCO()
        found.dataset = {**truth.dataset, "annotations": _predictions(images)}
        found.createIndex()
        run = COCOeval(truth, found, "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
    everything = {"area": 0, "detections": -1}
    precision = run.eval["precision"][..., everything["area"], everything["detections"]]
    recall = run.eval["recall"][..., everything["area"], everything["detections"]]
    return MaskAp(stats=run.stats, precision=precision, recall=recall)


def _truth(images: Sequence[ImageInstances], classes: Sequence[int]) -> dict:
    annotations = []
    for number, image in enumerate(images, start=1):
        columns = (image.true_masks, image.true_classes, image.crowds)
        for mask, label, crowd in zip(*columns, strict=True):
            annotations.append(_annotation(number, mask, label, iscrowd=int(crowd)))
    return {
        "images": [
            dict(zip(("id", "height", "width"), (number, *image.true_masks.shape[1:]), strict=True))
            for number, image in enumerate(images, start=1)
        ],
        "categories": [{"id": int(label)} for label in classes],
        "annotations": _numbered(annotations),
    }


def _predictions(images: Sequence[ImageInstances]) -> list[dict]:
    found = []
    for number, image in enumerate(images, start=1):
        for mask, label, score in zip(image.masks, image.classes, image.scores, strict=True):
            found.append(_annotation(number, mask, label, iscrowd=0, score=float(score)))
    return _numbered(found)


def _numbered(annotations: list[dict]) -> list[dict]:
    return [{"id": number, **item} for number, item in enumerate(annotations, start=1)]


def _annotation(image: int, mask: np.ndarray, label: int, **fields: float) -> dict:
    from pycocotools import mask as coco

    return {
        "image_id": image,
        "category_id": int(label),
        "segmentation": coco.encode(np.asfortranarray(mask, np.uint8)),
        "area": float(mask.sum()),
        **fields,
    }
