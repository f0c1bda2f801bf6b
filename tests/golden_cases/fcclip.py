"""Golden cases of FC-CLIP's post-processing from given masks."""

from __future__ import annotations

from ovseg_jax.inference.postprocess.geometry import Frame

from . import Case, Outputs, runner
from .frames import common_frame
from .tasks import tasks

STRIDE = 32
"""Images are padded to a multiple of this."""


@runner("fcclip", "postprocess")
def run_postprocess(case: Case) -> Outputs:
    """Semantic, panoptic and instance results from given logits and mask logits."""
    config = case.config
    logits = case.inputs["logits"].copy()
    logits[:, -1] += config["void_bias"]
    picture = tuple(config["image_size"])
    frame = Frame(common_frame([picture], STRIDE), picture, tuple(config["output_size"]))
    return tasks(case, logits, case.inputs["pred_masks"], frame)
