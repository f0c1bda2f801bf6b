"""Golden cases of FC-CLIP's classification of given masks: the mask pooling method."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import MaskPoolingConfig
from ovseg_jax.convert.towers.clip import convert_open_clip
from ovseg_jax.methods.mask_pooling import MaskPooling, pooling_weights
from ovseg_jax.models.clip.variants import build_clip

from . import Case, Outputs, runner
from .frames import case_batch, each_image
from .given import ensemble_of, given_proposals, given_text
from .tasks import frame_in, tasks

CLIP = "backbone.clip_model."


@runner("fcclip", "fcclip_classify")
def run(case: Case) -> Outputs:
    """From given masks and generator logits to all three tasks, by mask pooling."""
    method, variables = loaded(case)
    text, batch, proposals = given_text(case), case_batch(case), given_proposals(case)
    skip_empty = case.config["ensemble_on_valid_mask"]
    if skip_empty:  # the case's note: the last mask but one is really empty
        emptied = -jnp.abs(proposals.masks[:, -2]) - 1
        proposals = proposals.replace(masks=proposals.masks.at[:, -2].set(emptied))

    @jax.jit
    def compute(variables, batch):
        features = method.apply(variables, batch, method="encode_batch")
        words = method.apply(variables, features, text, method="words")
        return words, method.apply(variables, features, proposals, text, method="score")

    words, scores = compute(variables, batch)
    grid = tuple(side // method.stride for side in batch.images.shape[1:3])
    present = pooling_weights(proposals.masks, grid).any((2, 3)) if skip_empty else None
    log_probs = ensemble_of(case, text, scores, present)

    def answer(index: int) -> Outputs:
        frame = frame_in(case, batch, index)
        found = tasks(case, log_probs[index], proposals.masks[index], frame)
        return found | {"final_log_probs": np.asarray(log_probs[index])}

    return {
        "pooled_embed": np.asarray(scores.regions.embeddings),
        "text_used": np.asarray(words),
        "out_vocab_logits": np.asarray(scores.logits),
        **each_image(len(batch.images), answer),
    }


def loaded(case: Case) -> tuple[MaskPooling, dict]:
    """The converted tower with its void row as the method, and the parameters."""
    tensors = case.checkpoint()
    void = tensors["void_embedding.weight"]
    towers = {n.removeprefix(CLIP): t for n, t in tensors.items() if n.startswith(CLIP)}
    model, params, _ = convert_open_clip(towers, case.name)
    resnet = case.config["clip_model"].startswith("RN")
    resize = "bilinear" if resnet else ""  # as FC-CLIP's attention pooling does
    clip = build_clip(model.clip.variant, position_resize=resize)
    params = jax.tree.map(jnp.asarray, params | {"void_embedding": void})
    return MaskPooling(clip=clip, config=MaskPoolingConfig(has_void=True)), {"params": params}
