"""Golden cases of the scores: mIoU and friends, panoptic quality, mask AP."""

from __future__ import annotations

import numpy as np

from ovseg_jax.evaluation import instance, panoptic, semantic
from ovseg_jax.evaluation.panoptic_truth import PanopticTruth

from . import Case, Outputs, runner


@runner("metrics", "semseg_metrics")
def run_semantic(case: Case) -> Outputs:
    """Scores label maps; the goldens are in percent."""
    classes, total = case.config["num_classes"], 0
    for index in range(_count(case, "gt")):
        truth = case.inputs[f"gt{index}"].astype(np.int64)
        truth = np.where(truth == case.config["ignore_label"], -1, truth)
        total = total + semantic.confusion(case.inputs[f"pred{index}"], truth, classes)
    scores = semantic.SemanticScores.of(total)
    fractions = {
        "mIoU": scores.mean_iou("absent_dropped"),
        "mIoU_maft_evaluator": scores.mean_iou("absent_counted"),
        "fwIoU": scores.frequency_weighted_iou(),
        "mACC": scores.mean_accuracy(),
        "pACC": scores.pixel_accuracy(),
        "IoU_per_class": scores.iou,
        "ACC_per_class": scores.accuracy,
    }
    outputs = {name: 100 * np.asarray(value) for name, value in fractions.items()}
    return outputs | {"confusion": total}


@runner("metrics", "panoptic_quality")
def run_panoptic(case: Case) -> Outputs:
    """Scores pairs of id maps."""
    things = case.config["num_things"]
    classes = things + case.config["num_stuff"]
    counts = panoptic.PanopticCounts.zeros(classes)
    for index in range(_count(case, "gt_ids")):
        inputs = {name: case.inputs[f"{name}{index}"] for name in _PANOPTIC_INPUTS}
        truth = inputs["gt_segments"].tolist()
        counts += panoptic.count_image(
            inputs["pred_ids"],
            {number: label for number, label in inputs["pred_segments"].tolist()},
            PanopticTruth(
                ids=inputs["gt_ids"],
                classes={number: label for number, label, _ in truth},
                crowds=frozenset(number for number, _, crowd in truth if crowd),
            ),
            classes,
        )
    is_thing = np.arange(classes) < things
    averages = {"all": None, "things": is_thing, "stuff": ~is_thing}
    outputs = {name: _row(panoptic.average(counts, group)) for name, group in averages.items()}
    table = np.stack([counts.matched, counts.false_alarms, counts.misses], axis=-1)
    return outputs | {"per_class": panoptic.per_class(counts), "tp_fp_fn": table}


_PANOPTIC_INPUTS = ("gt_ids", "pred_ids", "gt_segments", "pred_segments")


def _row(mean: panoptic.PanopticQuality) -> np.ndarray:
    return np.array([mean.quality, mean.segmentation, mean.recognition, mean.num_classes])


def _count(case: Case, prefix: str) -> int:
    """How many images a case has: inputs are numbered gt0, gt1, ..."""
    return sum(name.startswith(prefix) and name[len(prefix) :].isdigit() for name in case.inputs)


@runner("metrics", "coco_mask_ap")
def run_instances(case: Case) -> Outputs:
    """Scores instances; stored precision is at every tenth recall."""
    images = []
    for index in range(_count(case, "gt_masks")):
        fields = {
            "true_masks": case.inputs[f"gt_masks{index}"].astype(bool),
            "true_classes": case.inputs[f"gt_classes{index}"],
            "crowds": case.inputs[f"gt_iscrowd{index}"].astype(bool),
            "masks": case.inputs[f"pred_masks{index}"].astype(bool),
            "classes": case.inputs[f"pred_classes{index}"],
            "scores": case.inputs[f"pred_scores{index}"],
        }
        images.append(instance.ImageInstances(**fields))
    result = instance.mask_ap(images, classes=range(1, case.config["num_classes"] + 1))
    return {
        "stats": result.stats,
        "AP_per_class": result.per_class(),
        "precision": result.precision[:, ::10],
        "recall": result.recall,
    }
