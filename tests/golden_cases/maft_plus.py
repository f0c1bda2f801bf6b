"""Golden cases of MAFT+: transfer, classification of given masks, losses, the whole model."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.convert.methods.maft_plus import TRANSFER_TABLE, convert_maft_plus, expected_transfer
from ovseg_jax.convert.rules import apply
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.inference.ensemble import geometric_ensemble
from ovseg_jax.loading import build
from ovseg_jax.losses.maft import compensation_loss, mask_aware_loss
from ovseg_jax.models.content_transfer import ContentTransfer

from . import Case, Outputs, runner
from .fcclip_whole import columns, named_classes, propose_and_score
from .frames import case_batch, each_image
from .given import given_proposals, given_text
from .tasks import frame_in, tasks


@runner("maft_plus", "cdt")
def run_transfer(case: Case) -> Outputs:
    """The transfer alone."""
    rows = jnp.asarray(case.inputs["text_classifier"])
    maps = jnp.asarray(np.moveaxis(case.inputs["img_feat"], 1, -1))
    width = case.config["dim"]
    expected = {"transfer": expected_transfer(width)}
    params, _ = apply(TRANSFER_TABLE, case.checkpoint(), expected, case.name)
    module = ContentTransfer(width, case.config["heads"], case.config["panoptic_on"])
    return {"out": np.asarray(jax.jit(module.apply)({"params": params["transfer"]}, rows, maps))}


@runner("maft_plus", "maft_losses")
def run_losses(case: Case) -> Outputs:
    """Mask-aware loss and compensation on given tensors."""
    inputs = case.inputs
    count = len([name for name in inputs if name.startswith("labels")])
    labels = np.stack([inputs[f"labels{index}"] for index in range(count)])
    truth = np.stack([inputs[f"gt_masks{index}"] for index in range(count)])
    maps = [np.moveaxis(inputs[name], 1, -1) for name in ("clip_feature", "clip_feature_t")]
    return {
        "ma_loss": np.asarray(
            mask_aware_loss(
                jnp.asarray(inputs["logits"]),
                jnp.asarray(inputs["pred_masks"]),
                jnp.asarray(truth, jnp.float32),
                jnp.asarray(labels, jnp.int32),
            )
        ),
        "rc_loss": np.asarray(compensation_loss(*map(jnp.asarray, maps))),
    }


def transfer_settings(case: Case) -> dict:
    """Settings of the transfer, as fields of the method, where the case names them.

    What it does not name is that of the published configuration, as the converter knows it.
    """
    fields = {}
    panoptic = case.config.get("cdt_panoptic_on", case.manifest.get("cdt_panoptic_on"))
    if isinstance(panoptic, bool):
        fields["panoptic"] = panoptic
    if "cdt_heads" in case.config:
        fields["transfer_heads"] = case.config["cdt_heads"]
    return fields


def loaded(case: Case):
    """The converted model in the form of the transfer that the case names."""
    model, params, _ = convert_maft_plus(case.checkpoint(), case.name)
    method = dataclasses.replace(model.method, **transfer_settings(case))
    model = dataclasses.replace(model, method=method)
    return model, build.method(model), jax.tree.map(jnp.asarray, params)


@runner("maft_plus", "maft_classify")
def run_classify(case: Case) -> Outputs:
    """Classifies given masks."""
    model, method, params = loaded(case)
    text, batch, proposals = given_text(case), case_batch(case), given_proposals(case)

    def compute(bound, batch, proposals, text):
        features = bound.encode_batch(batch)
        return bound.score(features, proposals, text), bound.words(features, text)

    scores, words = jax.jit(lambda p, *x: method.apply({"params": p}, *x, method=compute))(
        params, batch, proposals, text
    )
    return {
        "pooled_embed": np.asarray(scores.regions.embeddings),
        "text_used": np.asarray(words),
        "out_vocab_logits": np.asarray(scores.logits),
        **answers(case, model, batch, text, proposals, scores.logits),
    }


@runner("maft_plus", "maft_full")
def run_whole(case: Case) -> Outputs:
    """From images and names to the answer."""
    model, method, params = loaded(case)
    text = named_classes(case, model, method, params)
    batch = case_batch(case)
    proposals, scores, words = propose_and_score(method, params, batch, text)
    count, names = len(case.config["class_names"]), int(case.inputs["num_templates"].sum())
    used = np.asarray(words)
    return {
        "pooled_embed": np.asarray(scores.regions.embeddings),
        "text_used": np.concatenate([used[:, :names], used[:, -1:]], axis=1),
        "out_vocab_logits": columns(scores.logits, count),
        "pred_logits": columns(proposals.class_logits, count),
        "pred_masks": np.asarray(proposals.masks),
        **answers(case, model, batch, text, proposals, scores.logits),
    }


def answers(case: Case, model, batch: Batch, text, proposals, logits) -> Outputs:
    """Classes from the method, void from the generator; then the tasks."""
    weights = model.inference.ensemble
    log_probs = geometric_ensemble(
        proposals.class_logits, logits, text.seen, text.valid, weights.alpha, weights.beta
    )
    kept = columns(log_probs, len(case.inputs["num_templates"]))

    def answer(index: int) -> Outputs:
        frame = frame_in(case, batch, index)
        found = tasks(case, kept[index], proposals.masks[index], frame)
        return found | {"final_log_probs": kept[index]}

    return each_image(len(batch.images), answer)
