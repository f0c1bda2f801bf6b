"""Golden cases of Mask-Adapter: head, inference on FC-CLIP and MAFT+, whole models, losses."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import EnsembleConfig, MaskAdapterOnMaftConfig
from ovseg_jax.convert.methods.mask_adapter import convert_head, convert_mask_adapter
from ovseg_jax.foundation.typing import Features, Proposals
from ovseg_jax.inference.ensemble import choose_rule
from ovseg_jax.loading import build
from ovseg_jax.losses.classification import cosine_consistency, masked_cross_entropy
from ovseg_jax.methods.mask_adapter import adapter_head
from ovseg_jax.methods.mixed_masks import TrueMasks, pairwise_ious

from . import Case, Outputs, runner
from .fcclip_whole import propose_and_score
from .frames import case_batch, channels_first, each_image
from .given import ensemble_of, given_proposals, given_text
from .maft_plus import transfer_settings
from .tasks import frame_in, tasks
from .thresholds import Guides, attention_guides


class Model:
    """A converted checkpoint as the real method, with the case's text as its vocabulary."""

    def __init__(self, case: Case, **fields):
        config, params, _ = convert_mask_adapter(case.checkpoint(), case.name)
        if isinstance(config.method, MaskAdapterOnMaftConfig):
            fields |= transfer_settings(case)
        config = dataclasses.replace(config, method=dataclasses.replace(config.method, **fields))
        self.method = build.method(config)
        self.variables = {"params": jax.tree.map(jnp.asarray, params)}
        self.text, self.batch = given_text(case), case_batch(case)

    def __call__(self, method: str, *arguments):
        """Applies one of the method's functions."""
        return self.method.apply(self.variables, *arguments, method=method)

    def features(self) -> Features:
        """Encodes the case's images, padded as the reference pads them."""
        return jax.jit(lambda batch: self("encode_batch", batch))(self.batch)

    @property
    def frame(self) -> tuple[int, int]:
        """Height and width of the padded images."""
        return self.batch.images.shape[1:3]


def merged_maps(maps) -> np.ndarray:
    """The reference lays maps out as [b, q * m, h, w]."""
    return np.asarray(maps).reshape(len(maps), -1, *maps.shape[-2:])


@runner("mask_adapter", "head")
def run_head(case: Case) -> Outputs:
    """The head alone, in its fast form."""
    sizes, params, _ = convert_head(case.checkpoint(), case.name)
    features = jnp.asarray(np.moveaxis(case.inputs["clip_vis_dense"], 1, -1))
    masks = case.inputs["masks"]
    masks = jnp.asarray(masks if masks.ndim == 4 else masks[None], bool)
    head = adapter_head(dataclasses.replace(sizes, chunk=2), features.shape[-1])
    return {"maps": merged_maps(jax.jit(head.apply)({"params": params}, features, masks))}


@runner("mask_adapter", "fcclip_adapter_inference", "maft_adapter_inference")
def run_inference(case: Case) -> Outputs:
    """From given masks and generator logits to all tasks."""
    model = Model(case, mask_threshold=case.config["mask_threshold"])
    features, proposals = model.features(), given_proposals(case)
    scores = model("score", features, proposals, model.text)
    log_probs = ensemble_of(case, model.text, scores)
    return {
        "clip_vis_dense": channels_first(features.projected),
        "text_used": np.asarray(model("words", features, model.text)),
        **answers(case, model, proposals, scores, log_probs),
    }


@runner("mask_adapter", "fcclip_adapter_full", "maft_adapter_full")
def run_whole(case: Case) -> Outputs:
    """Generator, adapter and ensemble from one file, with a given classifier."""
    config, threshold = case.config, case.config["mask_threshold"]
    model = Model(case, mask_threshold=threshold)
    cut = np.log(threshold / (1 - threshold))

    def guides(result: tuple) -> Guides:
        yield from attention_guides(result)
        yield result[2].masks - cut

    params = model.variables["params"]
    found = propose_and_score(model.method, params, model.batch, model.text, guides)
    proposals, scores, words = found
    weights = EnsembleConfig(alpha=config["alpha"], beta=config["beta"])
    rule = choose_rule(proposals, weights, (1, 1))
    log_probs = rule.join(proposals, scores.logits, model.text)
    return {
        "pred_logits": np.asarray(proposals.class_logits),
        "pred_masks": np.asarray(proposals.masks),
        "adapter_masks": np.asarray(jax.nn.sigmoid(proposals.masks) > threshold, np.float32),
        "text_used": np.asarray(words),
        **answers(case, model, proposals, scores, log_probs),
    }


def answers(case: Case, model: Model, proposals: Proposals, scores, log_probs) -> Outputs:
    """What scores hold, and the tasks image by image."""

    def answer(index: int) -> Outputs:
        frame = frame_in(case, model.batch, index)
        found = tasks(case, log_probs[index], proposals.masks[index], frame)
        return found | {"final_log_probs": np.asarray(log_probs[index])}

    return {
        "maps": merged_maps(scores.regions.maps),
        "out_vocab_embed": np.asarray(scores.regions.embeddings),
        "out_vocab_logits": np.asarray(scores.logits),
        **each_image(len(log_probs), answer),
    }


@runner("mask_adapter", "losses")
def run_losses(case: Case) -> Outputs:
    """Cosine and cross-entropy losses, and the IoU, alone and unweighted."""
    inputs = {name: jnp.asarray(value) for name, value in case.inputs.items()}
    predicted, truth = inputs["pred_features"], inputs["gt_features"]
    labels, masks = inputs["labels"].astype(jnp.int32), inputs["pred_masks"][None]
    ious = pairwise_ious(
        Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool)),
        TrueMasks(
            coverage=inputs["gt_masks"][None].astype(jnp.float32),
            labels=jnp.zeros((1, len(inputs["gt_masks"])), jnp.int32),
        ),
        case.config["iou_pred_binarise_prob"],
    )
    ignored = jnp.full_like(labels, -1)
    return {
        "loss_cosine": np.asarray(cosine_consistency(predicted, 0.3 * predicted + truth)),
        "loss_ce": np.asarray(masked_cross_entropy(inputs["logits"], labels)),
        "loss_ce_all_ignored": np.asarray(masked_cross_entropy(inputs["logits"], ignored)),
        "ious": np.asarray(ious[0]),
    }
