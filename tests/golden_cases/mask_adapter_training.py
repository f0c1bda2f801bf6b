"""Golden cases of Mask-Adapter's training: ground-truth warm-up and mixed masks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.foundation.typing import Proposals
from ovseg_jax.inference.postprocess.geometry import Frame, as_logits
from ovseg_jax.inference.postprocess.instance import instances
from ovseg_jax.inference.postprocess.panoptic import PanopticRules, panoptic_segments
from ovseg_jax.inference.postprocess.semantic import semantic_scores
from ovseg_jax.methods.mixed_masks import TrueMasks, pairwise_ious
from ovseg_jax.ops.images.resize import resize_masks

from . import Case, Outputs, runner
from .frames import Size, channels_first, numbered
from .mask_adapter import Model, merged_maps
from .tasks import sorted_instances


def painted(masks: np.ndarray) -> np.ndarray:
    """Paints masks over each other in their order; returns what is left of each."""
    owner = np.full(masks.shape[1:], -1)
    for index, mask in enumerate(masks):
        owner[mask > 0] = index
    return np.stack([owner == index for index in np.unique(owner[owner >= 0])])


@runner("mask_adapter", "warmup_eval")
def run_warmup_eval(case: Case) -> Outputs:
    """Classifies ground-truth masks and runs the three tasks on hard masks."""
    model = Model(case)
    features = model.features()
    masks = jnp.asarray(painted(case.inputs["gt_masks"]))
    stored = case.info["outputs"].get("adapter_masks", {"shape": masks.shape})
    masks = pad_to(masks, tuple(stored["shape"][-2:]))
    proposals = Proposals(masks=masks[None], valid=jnp.ones((1, len(masks)), bool))
    scores = model("score", features, proposals, model.text)
    return {
        "clip_vis_dense": channels_first(features.projected),
        "adapter_masks": np.asarray(masks)[None].astype(np.float32),
        "maps": merged_maps(scores.regions.maps),
        "embed": np.asarray(scores.regions.embeddings),
        "logits": np.asarray(scores.logits),
        "text_used": np.asarray(model("words", features, model.text)),
        **warmup_tasks(jax.nn.softmax(scores.logits[0], axis=-1), masks, case.config),
    }


def warmup_tasks(class_probs: jax.Array, masks: jax.Array, config: dict) -> Outputs:
    """The reference's evaluation of the warm-up, oddities included.

    It hands probabilities to functions that expect logits: semantic and panoptic apply a second
    softmax, instances a sigmoid.
    """
    frame, logits = Frame.plain(*masks.shape[1:]), as_logits(masks)
    is_thing = np.isin(np.arange(class_probs.shape[-1] - 1), config["thing_classes"])
    rules = PanopticRules(config["object_mask_threshold"], config["overlap_threshold"])
    panoptic = panoptic_segments(class_probs, logits, frame, is_thing, rules)
    # The ranking by probability is that by its sigmoid; only the score itself differs.
    found = instances(jnp.log(class_probs), logits, frame, top=config["topk"], is_thing=is_thing)
    probabilities = np.asarray(class_probs)[found.queries, found.classes]
    scores = found.scores / probabilities * np.asarray(jax.nn.sigmoid(probabilities))
    return {
        "class_probs": np.asarray(class_probs),
        "sem_seg": np.asarray(semantic_scores(class_probs, logits, frame)),
        "pan_seg": panoptic.segment_ids,
        "pan_info": panoptic.info,
        **sorted_instances(scores, found.classes, found.masks.sum((1, 2))),
    }


@runner("mask_adapter", "warmup_train")
def run_warmup_train(case: Case) -> Outputs:
    """The warm-up loss, from ground truth that overlaps (see `run_mixed_train`)."""
    model = Model(case, class_weight=case.config["class_weight"])
    features = model.features()
    masks, labels = truth_slots(case, model, case.config["num_gt_slots"])
    regions = model("embed_masks", features, masks)
    words = model("words", features, model.text)
    loss, _ = model("truth_loss", features, masks, labels, model.text)
    return {
        "clip_vis_dense": channels_first(features.projected),
        "all_labels": np.asarray(labels),
        "maps": merged_maps(regions.maps),
        "embed": np.asarray(regions.embeddings),
        "logits": np.asarray(model("compare", regions.embeddings, words, model.text)),
        "loss_ce": np.asarray(loss),
    }


@runner("mask_adapter", "fcclip_adapter_train", "maft_adapter_train")
def run_mixed_train(case: Case) -> Outputs:
    """Mixed-mask training from ground truth that overlaps, which an id map cannot hold.

    So the masks are handed to the parts of the loss from which `MaskAdapter.loss` is made.
    """
    config = case.config
    model = Model(case, **mixed_settings(config))
    features, predictions = model.features(), given_predictions(case, model.frame)
    truth = whole_truth(case, model.frame, predictions.masks.shape[-2:])
    pairs = model("match", predictions, truth, jax.random.key(0))
    slots = truth_slots(case, model, config["num_gt_masks"])
    mixed, all_labels = model("mix", features, *slots, pairs, model.frame)
    regions = model("embed_masks", features, mixed)
    words = model("words", features, model.text)
    _, metrics = model("mixed_loss", features, mixed, all_labels, model.text)
    return {
        "ious": np.asarray(pairwise_ious(predictions, truth, config["iou_pred_binarise_prob"])[0]),
        "match_src": np.asarray(pairs.predicted),
        "match_tgt": np.asarray(pairs.truth),
        "match_labels": np.asarray(pairs.labels),
        "all_labels": np.asarray(all_labels),
        "maps": merged_maps(regions.maps),
        "out_vocab_embed": np.asarray(regions.embeddings),
        "out_vocab_logits": np.asarray(model("compare", regions.embeddings, words, model.text)),
        "loss_ce": np.asarray(metrics["class_loss"]),
        "loss_cosine": np.asarray(metrics["cosine_loss"]),
    }


def mixed_settings(config: dict) -> dict:
    """The case's settings of mixed training, as fields of the method."""
    fields = {
        "phase": "mixed",
        "num_truth": config["num_gt_masks"],
        "num_matched": config["num_pred_masks"],
        "mask_threshold": config["mask_threshold"],
        "pad_empty": config["mask_threshold"] >= 0.5,  # padding is a logit of zero there
        "match_iou": config["iou_threshold"],
        "match_probability": config["iou_pred_binarise_prob"],
        "class_weight": config["weights"]["ce"],
        "cosine_weight": config["weights"]["cosine"],
    }
    return fields | ({"panoptic": False} if config["entry"].startswith("maft") else {})


def given_truth(case: Case, frame: Size) -> list[tuple[jax.Array, jax.Array]]:
    """The non-empty ground-truth masks of each image in the frame, and their labels."""
    found = []
    given = zip(numbered(case, "gt_masks"), numbered(case, "gt_classes"), strict=True)
    for masks, labels in given:
        kept = masks.any((1, 2))
        padded = pad_to(jnp.asarray(masks[kept], jnp.float32), frame)
        found.append((padded, jnp.asarray(labels[kept], jnp.int32)))
    return found


def truth_slots(case: Case, model: Model, count: int) -> tuple[jax.Array, jax.Array]:
    """Fills `count` slots with the ground truth at the adapter's size, and -1 as label."""
    cells = (side // model.method.stride for side in model.frame)
    return filled(given_truth(case, model.frame), tuple(4 * side for side in cells), count)


def whole_truth(case: Case, frame: Size, size: Size) -> TrueMasks:
    """All ground truth at the size of predictions."""
    truth = given_truth(case, frame)
    coverage, labels = filled(truth, size, max(len(labels) for _, labels in truth))
    return TrueMasks(coverage=coverage, labels=labels)


def filled(truth: list[tuple], size: Size, count: int) -> tuple[jax.Array, jax.Array]:
    """Brings masks to a size and fills each image's slots up with nothing."""
    coverage, names = [], []
    for masks, labels in truth:
        spare = count - len(masks)
        coverage.append(jnp.pad(resize_masks(masks, size), ((0, spare), (0, 0), (0, 0))))
        names.append(jnp.pad(labels, (0, spare), constant_values=-1))
    return jnp.stack(coverage), jnp.stack(names)


def pad_to(masks: jax.Array, frame: Size) -> jax.Array:
    """Pads masks to the frame with zeros."""
    rest = [(0, full - side) for full, side in zip(frame, masks.shape[1:], strict=True)]
    return jnp.pad(masks, ((0, 0), *rest))


def given_predictions(case: Case, frame: Size) -> Proposals:
    """Mask logits as the case's notes describe them."""
    logits = []
    masks, orders = numbered(case, "gt_masks"), numbered(case, "pred_perm")
    noises = numbered(case, "pred_noise")
    for truth, order, noise in zip(masks, orders, noises, strict=True):
        noise = noise.reshape(noise.shape[-3:])
        padded = pad_to(jnp.asarray(truth, jnp.float32), frame)
        resized = np.asarray(resize_masks(padded, noise.shape[-2:]))
        base = np.full(noise.shape, -3.0, np.float32)
        for index, query in enumerate(order):
            base[query] = 6 * resized[index] - 3
        logits.append(base + 0.8 * noise)
    masks = jnp.asarray(np.stack(logits))
    return Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool))
