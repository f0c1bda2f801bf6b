"""Semantic, panoptic and instance answers, in the layout of the goldens.

Semantic scores come in one of two orders: masks are resized to the answer's size before classes
are summed, or classes are summed before and resized. The originals take the first where panoptic
or instance answers are wanted too, or where their configuration asks for it. A case shows that by
what it stores: instances, segments, or the resized masks themselves.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from ovseg_jax.foundation.typing import Batch
from ovseg_jax.inference.postprocess.geometry import Frame, resize_to_output
from ovseg_jax.inference.postprocess.instance import instances
from ovseg_jax.inference.postprocess.panoptic import PanopticRules, panoptic_segments
from ovseg_jax.inference.postprocess.semantic import semantic_scores

from . import Case, Outputs

RESIZED = ("mask_pred_resized", "masks_resized")
"""Names under which cases store masks at the size of the answer."""


def frame_in(case: Case, batch: Batch, index: int = 0) -> Frame:
    """From the padded input to the answer, for one image of a batch."""
    picture = tuple(int(side) for side in batch.sizes[index])
    return Frame(batch.images.shape[1:3], picture, tuple(case.config["output_size"]))


def tasks(
    case: Case,
    log_probs,
    mask_logits,
    frame: Frame,
    *,
    certain: bool = True,
    things: list[int] | None = None,
) -> Outputs:
    """Those of the three tasks that the case stores.

    Args:
        case: Says what is stored, thing classes, thresholds and `topk`; without
            "instances_keep_only_things", instances are things only.
        log_probs: What the post-processing receives, [q, k + 1].
        mask_logits: Mask logits, [q, h, w].
        frame: Sizes of padded input, picture and answer.
        certain: Whether segments keep only pixels of which their own mask is sure.
        things: Thing classes, where the case does not list them.
    """
    config, log_probs = case.config, jnp.asarray(log_probs)
    masks = jnp.asarray(mask_logits, jnp.float32)
    order = "masks_first" if stores(case, *RESIZED, "pan_seg", "inst_scores") else "scores_first"
    outputs = {"sem_seg": np.asarray(semantic_scores(log_probs, masks, frame, order=order))}
    if stores(case, *RESIZED):
        outputs |= dict.fromkeys(RESIZED, np.asarray(resize_to_output(masks, frame)))
    if not stores(case, "pan_seg", "inst_scores"):
        return outputs
    listed = config["thing_classes"] if things is None else things
    is_thing = np.isin(np.arange(log_probs.shape[-1] - 1), listed)
    if stores(case, "pan_seg"):
        names = "object_mask_threshold", "overlap_threshold"
        rules = PanopticRules(*(float(config[name]) for name in names), certain=certain)
        panoptic = panoptic_segments(log_probs, masks, frame, is_thing, rules)
        outputs |= {"pan_seg": panoptic.segment_ids, "pan_info": panoptic.info}
    if stores(case, "inst_scores"):
        kept = is_thing if config.get("instances_keep_only_things", True) else None
        found = instances(log_probs, masks, frame, top=config["topk"], is_thing=kept)
        outputs |= sorted_instances(found.scores, found.classes, found.masks.sum((1, 2)))
    return outputs


def stores(case: Case, *names: str) -> bool:
    """Whether a case has one of these outputs, for one image or for the first of several."""
    return any(key in case.info["outputs"] for name in names for key in (name, f"{name}0"))


def sorted_instances(scores: np.ndarray, classes: np.ndarray, areas: np.ndarray) -> Outputs:
    """Sorts as the goldens are: by falling score, then class, then area."""
    order = np.lexsort((areas, classes, -np.round(scores, 6)))
    columns = {"inst_scores": scores, "inst_classes": classes, "inst_areas": areas}
    return {name: column[order] for name, column in columns.items()}
