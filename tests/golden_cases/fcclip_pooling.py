"""Golden cases of FC-CLIP's classification of given masks: the mask pooling method."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.convert.clip import convert_open_clip
from ovseg_jax.inference.frame import Frame
from ovseg_jax.methods.mask_pooling import MaskPooling, pooling_weights
from ovseg_jax.models.clip.variants import build_clip
from ovseg_jax.typing import Proposals

from . import Case, Outputs, runner
from .fcclip import STRIDE, three_tasks
from .mask_adapter import ensemble_of, frame_of, given_text, padded

CLIP = "backbone.clip_model."


@runner("fcclip", "fcclip_classify")
def run(case: Case) -> Outputs:
    """From given masks and generator logits to all three tasks, by mask pooling."""
    config = case.config
    tensors = case.checkpoint()
    void = tensors["void_embedding.weight"]
    towers = {n.removeprefix(CLIP): t for n, t in tensors.items() if n.startswith(CLIP)}
    model, params, _ = convert_open_clip(towers, case.name)
    resnet = config["clip_model"].startswith("RN")
    resize = "bilinear" if resnet else ""  # as FC-CLIP's attention pooling does
    clip = build_clip(model.clip.variant, position_resize=resize)
    method = MaskPooling(clip=clip, has_void=True)
    variables = {"params": jax.tree.map(jnp.asarray, params | {"void_embedding": void})}
    text, image = given_text(case), case.inputs["image"]
    mask_logits = jnp.asarray(case.inputs["pred_masks"])
    if config["ensemble_on_valid_mask"]:  # the case's note: its last mask but one is really empty
        mask_logits = mask_logits.at[-2].set(-jnp.abs(mask_logits[-2]) - 1)
    proposals = Proposals(masks=mask_logits[None], valid=jnp.ones((1, len(mask_logits)), bool))

    @jax.jit
    def compute(variables, images, sizes):
        features = method.apply(variables, images, sizes, method="encode")
        words = method.apply(variables, features, text, method="words")
        return words, method.apply(variables, features, proposals, text, method="score")

    words, scores = compute(variables, *padded((image,)))
    present = None
    if config["ensemble_on_valid_mask"]:
        grid = tuple(side // STRIDE for side in frame_of(image))
        present = pooling_weights(proposals.masks, grid).any((2, 3))
    log_probs = ensemble_of(case, text, scores, present)
    frame = Frame(frame_of(image), image.shape[:2], tuple(config["output_size"]))
    return {
        "pooled_embed": np.asarray(scores.regions.embeddings),
        "text_used": np.asarray(words),
        "out_vocab_logits": np.asarray(scores.logits),
        "final_log_probs": np.asarray(log_probs),
        **three_tasks(log_probs, mask_logits, frame, config),
    }
