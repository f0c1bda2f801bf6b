"""Golden cases of FC-CLIP that the package can run: post-processing from given masks."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from ovseg_jax.inference.frame import Frame, resize_to_output
from ovseg_jax.inference.instance import instances
from ovseg_jax.inference.panoptic import PanopticRules, panoptic_segments
from ovseg_jax.inference.semantic import semantic_scores

from . import Case, Outputs, runner

STRIDE = 32
"""Images are padded to a multiple of this."""


@runner("fcclip", "postprocess")
def run_postprocess(case: Case) -> Outputs:
    """Semantic, panoptic and instance results from given logits and mask logits."""
    config = case.config
    logits = case.inputs["logits"].copy()
    logits[:, -1] += config["void_bias"]
    picture = tuple(config["image_size"])
    padded = tuple(-(-side // STRIDE) * STRIDE for side in picture)
    return three_tasks(
        jnp.asarray(logits),
        jnp.asarray(case.inputs["pred_masks"]),
        Frame(padded, picture, tuple(config["output_size"])),
        config,
    )


def three_tasks(
    log_probs, mask_logits, frame: Frame, config: dict, rules: PanopticRules | None = None
) -> Outputs:
    """All tasks in the layout of the goldens.

    Args:
        log_probs: What the post-processing receives, [q, k + 1].
        mask_logits: Mask logits, [q, h, w].
        frame: Sizes of padded input, picture and answer.
        config: The case's: thing classes, thresholds, `topk`; without
            "instances_keep_only_things", instances are things only.
        rules: Of the panoptic task; by default the case's thresholds.
    """
    is_thing = np.isin(np.arange(log_probs.shape[-1] - 1), config["thing_classes"])
    rules = rules or PanopticRules(config["object_mask_threshold"], config["overlap_threshold"])
    panoptic = panoptic_segments(log_probs, mask_logits, frame, is_thing, rules)
    only_things = config.get("instances_keep_only_things", True)
    found = instances(
        log_probs,
        mask_logits,
        frame,
        top=config["topk"],
        is_thing=is_thing if only_things else None,
    )
    return {
        "masks_resized": np.asarray(resize_to_output(mask_logits, frame)),
        "sem_seg": np.asarray(semantic_scores(log_probs, mask_logits, frame)),
        "pan_seg": panoptic.segment_ids,
        "pan_info": panoptic.info,
        **sorted_instances(found.scores, found.classes, found.masks.sum((1, 2))),
    }


def sorted_instances(scores: np.ndarray, classes: np.ndarray, areas: np.ndarray) -> Outputs:
    """Sorts as the goldens are: by falling score, then class, then area."""
    order = np.lexsort((areas, classes, -np.round(scores, 6)))
    columns = {"inst_scores": scores, "inst_classes": classes, "inst_areas": areas}
    return {name: column[order] for name, column in columns.items()}
