"""Golden cases of Mask-Adapter: head, warm-up, mixed training, inference on FC-CLIP, losses."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax import build
from ovseg_jax.config import EnsembleConfig
from ovseg_jax.convert.mask_adapter import convert_head, convert_mask_adapter
from ovseg_jax.inference.ensemble import geometric_ensemble, joined_log_probabilities
from ovseg_jax.inference.frame import Frame, as_logits, resize_to_output
from ovseg_jax.inference.instance import instances
from ovseg_jax.inference.panoptic import PanopticRules, panoptic_segments
from ovseg_jax.inference.semantic import semantic_scores
from ovseg_jax.losses.classification import cosine_consistency, masked_cross_entropy
from ovseg_jax.methods.mixed_masks import Truth, pairwise_ious
from ovseg_jax.models.mask_adapter import MaskAdapterHead
from ovseg_jax.ops.resize import resize_masks
from ovseg_jax.typing import Features, Proposals, Scores, Text

from . import Case, Outputs, runner
from .fcclip import sorted_instances, three_tasks
from .fcclip_whole import propose_and_score
from .generators import padded_batch

STRIDE = 32
"""Images are padded to a multiple of this."""


class Model:
    """A converted checkpoint as the real method, with the case's text as its vocabulary."""

    def __init__(self, case: Case, **fields):
        config, params, _ = convert_mask_adapter(case.checkpoint(), case.name)
        config = dataclasses.replace(config, method=dataclasses.replace(config.method, **fields))
        self.method = build.method(config)
        self.variables = {"params": jax.tree.map(jnp.asarray, params)}
        self.text = given_text(case)

    def __call__(self, method: str, *arguments):
        """Applies one of the method's functions."""
        return self.method.apply(self.variables, *arguments, method=method)

    def features(self, *images: np.ndarray):
        """Encodes images of one size, padded as the reference pads them."""
        batch, sizes = padded(images)
        return jax.jit(lambda x, s: self("encode", x, s))(batch, sizes)


def given_text(case: Case) -> Text:
    """The given classifier as a vocabulary of one template."""
    counts = case.inputs["num_templates"]
    seen = case.inputs.get("category_overlapping_mask", np.zeros(len(counts)))
    return Text(
        embeddings=jnp.asarray(case.inputs["text_classifier"][:, None]),
        classes=jnp.asarray(np.repeat(np.arange(len(counts)), counts), jnp.int32),
        valid=jnp.ones(len(counts), bool),
        seen=jnp.asarray(seen, bool),
    )


def padded(images: tuple[np.ndarray, ...]) -> tuple[jax.Array, jax.Array]:
    """Stacks images in a frame of the next multiple of the stride; returns their sizes too."""
    height, width = images[0].shape[:2]
    frame = np.zeros((len(images), *frame_of(images[0]), 3), np.float32)
    frame[:, :height, :width] = np.stack(images)
    return jnp.asarray(frame), jnp.array([[height, width]] * len(images))


def frame_of(image: np.ndarray) -> tuple[int, int]:
    """Height and width of the padded image."""
    return tuple(-(-side // STRIDE) * STRIDE for side in image.shape[:2])


def merged_maps(maps) -> np.ndarray:
    """The reference lays maps out as [b, q * m, h, w]."""
    return np.asarray(maps).reshape(len(maps), -1, *maps.shape[-2:])


def channels_first(x) -> np.ndarray:
    """Maps as the reference lays them out."""
    return np.moveaxis(np.asarray(x), -1, 1)


@runner("mask_adapter", "head")
def run_head(case: Case) -> Outputs:
    """The head alone, in its fast form."""
    sizes, params, _ = convert_head(case.checkpoint(), case.name)
    features = jnp.asarray(np.moveaxis(case.inputs["clip_vis_dense"], 1, -1))
    masks = case.inputs["masks"]
    masks = jnp.asarray(masks if masks.ndim == 4 else masks[None], bool)
    head = MaskAdapterHead(
        feature_dim=features.shape[-1],
        width=sizes.width,
        mask_width=sizes.mask_width,
        num_blocks=sizes.num_blocks,
        num_maps=sizes.num_maps,
        chunk=2,
    )
    return {"maps": merged_maps(jax.jit(head.apply)({"params": params}, features, masks))}


def painted(masks: np.ndarray) -> np.ndarray:
    """Paints masks over each other in their order; returns what is left of each."""
    owner = np.full(masks.shape[1:], -1)
    for index, mask in enumerate(masks):
        owner[mask > 0] = index
    return np.stack([owner == index for index in np.unique(owner[owner >= 0])])


@runner("mask_adapter", "warmup_eval")
def run_warmup_eval(case: Case) -> Outputs:
    """Classifies ground-truth masks and runs the three tasks on hard masks."""
    model = Model(case, **transfer_settings(case.config))
    features = model.features(case.inputs["image"])
    masks = jnp.asarray(painted(case.inputs["gt_masks"]))
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
    config = case.config
    model = Model(case, class_weight=config["class_weight"], **transfer_settings(config))
    images = case.inputs["image0"], case.inputs["image1"]
    features = model.features(*images)
    drawn = [
        truth_slots(case, frame_of(images[0]), features, config["num_gt_slots"], str(index))
        for index in (0, 1)
    ]
    masks, labels = (jnp.concatenate(parts) for parts in zip(*drawn, strict=True))
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


@runner("mask_adapter", "fcclip_adapter_inference", "maft_adapter_inference")
def run_inference(case: Case) -> Outputs:
    """From given masks and generator logits to all tasks."""
    config = case.config
    model = Model(case, mask_threshold=config["mask_threshold"], **transfer_settings(config))
    image = case.inputs["image"]
    features = model.features(image)
    mask_logits = jnp.asarray(case.inputs["pred_masks"])
    proposals = Proposals(masks=mask_logits[None], valid=jnp.ones((1, len(mask_logits)), bool))
    scores = model("score", features, proposals, model.text)
    log_probs = ensemble_of(case, model.text, scores)
    frame = Frame(frame_of(image), image.shape[:2], tuple(config["output_size"]))
    return {
        "clip_vis_dense": channels_first(features.projected),
        "maps": merged_maps(scores.regions.maps),
        "out_vocab_embed": np.asarray(scores.regions.embeddings),
        "out_vocab_logits": np.asarray(scores.logits),
        "text_used": np.asarray(model("words", features, model.text)),
        "final_log_probs": np.asarray(log_probs),
        "mask_pred_resized": np.asarray(resize_to_output(mask_logits, frame)),
        **case_tasks(case, log_probs, mask_logits, frame),
    }


def transfer_settings(config: dict) -> dict:
    """Settings of MAFT+'s transfer, for cases that have one."""
    names = {"cdt_panoptic_on": "panoptic", "cdt_heads": "transfer_heads"}
    return {ours: config[theirs] for theirs, ours in names.items() if theirs in config}


def case_tasks(case: Case, log_probs, mask_logits, frame: Frame) -> Outputs:
    """All three tasks, or semantic scores in the order that goes without the others."""
    if "pan_seg" in case.info["outputs"]:
        return three_tasks(log_probs, mask_logits, frame, case.config)
    scores = semantic_scores(log_probs, mask_logits, frame, order="scores_first")
    return {"sem_seg": np.asarray(scores)}


def ensemble_of(
    case: Case, text: Text, scores: Scores, present: jax.Array | None = None
) -> jax.Array:
    """The given generator logits and the method's, as one row of log probabilities per mask."""
    return geometric_ensemble(
        jnp.asarray(case.inputs["pred_logits"]),
        scores.logits,
        seen=text.seen,
        valid=text.valid,
        alpha=case.config["alpha"],
        beta=case.config["beta"],
        present=present,
    )[0]


@runner("mask_adapter", "fcclip_adapter_train", "maft_adapter_train")
def run_mixed_train(case: Case) -> Outputs:
    """Mixed-mask training from ground truth that overlaps, which an id map cannot hold.

    So the masks are handed to the parts of the loss from which `MaskAdapter.loss` is made.
    """
    config, inputs = case.config, case.inputs
    on_maft = config["entry"].startswith("maft")
    model = Model(
        case,
        phase="mixed",
        num_truth=config["num_gt_masks"],
        num_matched=config["num_pred_masks"],
        mask_threshold=config["mask_threshold"],
        pad_empty=config["mask_threshold"] >= 0.5,  # padding is a logit of zero there
        match_iou=config["iou_threshold"],
        match_probability=config["iou_pred_binarise_prob"],
        class_weight=config["weights"]["ce"],
        cosine_weight=config["weights"]["cosine"],
        **(({"panoptic": False} if on_maft else {}) | transfer_settings(config)),
    )
    features = model.features(inputs["image"])
    frame, predictions = frame_of(inputs["image"]), given_predictions(case)
    masks, labels = given_truth(case, frame)
    coverage = resize_masks(masks, predictions.masks.shape[-2:])
    truth = Truth(coverage=coverage[None], labels=labels[None])
    pairs = model("match", predictions, truth, jax.random.key(0))
    slots = truth_slots(case, frame, features, config["num_gt_masks"])
    mixed, all_labels = model("mix", features, *slots, pairs, frame)
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


def given_truth(case: Case, frame: tuple[int, int], index: str = "") -> tuple:
    """The non-empty ground-truth masks of an image in its frame, and their labels."""
    masks = case.inputs[f"gt_masks{index}"].astype(np.float32)
    kept = masks.any((1, 2))
    labels = case.inputs[f"gt_classes{index}"][kept]
    return pad_to(masks[kept], frame), jnp.asarray(labels, jnp.int32)


def truth_slots(
    case: Case, frame: tuple[int, int], features: Features, count: int, index: str = ""
) -> tuple:
    """Fills `count` slots with the ground truth at the adapter's size, and -1 as label."""
    masks, labels = given_truth(case, frame, index)
    size = tuple(4 * side for side in features.dense.shape[1:3])
    spare = count - len(masks)
    slots = jnp.pad(resize_masks(masks, size), ((0, spare), (0, 0), (0, 0)))
    return slots[None], jnp.pad(labels, (0, spare), constant_values=-1)[None]


def pad_to(masks: np.ndarray, frame: tuple[int, int]) -> jax.Array:
    """Pads masks to the frame with zeros."""
    rest = [(0, full - side) for full, side in zip(frame, masks.shape[1:], strict=True)]
    return jnp.pad(jnp.asarray(masks), ((0, 0), *rest))


def given_predictions(case: Case) -> Proposals:
    """Mask logits as the case's notes describe them."""
    inputs = case.inputs
    noise = inputs["pred_noise"]
    base = np.full(noise.shape[1:], -3.0, np.float32)
    masks = pad_to(inputs["gt_masks"].astype(np.float32), frame_of(inputs["image"]))
    resized = np.asarray(resize_masks(masks, noise.shape[-2:]))
    for index, query in enumerate(inputs["pred_perm"]):
        base[query] = 6 * resized[index] - 3
    logits = jnp.asarray(base[None] + 0.8 * noise)
    return Proposals(masks=logits, valid=jnp.ones(logits.shape[:2], bool))


@runner("mask_adapter", "fcclip_adapter_full")
def run_whole(case: Case) -> Outputs:
    """Generator, adapter and ensemble from one file, with a given classifier."""
    config = case.config
    model = Model(case, mask_threshold=config["mask_threshold"], **transfer_settings(config))
    batch = padded_batch(case.inputs["image"], config["size_divisibility"])
    params = model.variables["params"]
    proposals, scores, _ = propose_and_score(model.method, params, batch, model.text)
    weights = EnsembleConfig(alpha=config["alpha"], beta=config["beta"])
    log_probs = joined_log_probabilities(proposals, scores.logits, model.text, weights, (1, 1))[0]
    frame = Frame(
        batch.images.shape[1:3], case.inputs["image"].shape[:2], tuple(config["output_size"])
    )
    hard = jax.nn.sigmoid(proposals.masks) > config["mask_threshold"]
    return {
        "pred_logits": np.asarray(proposals.class_logits),
        "pred_masks": np.asarray(proposals.masks),
        "adapter_masks": np.asarray(hard, np.float32),
        "maps": merged_maps(scores.regions.maps),
        "out_vocab_embed": np.asarray(scores.regions.embeddings),
        "out_vocab_logits": np.asarray(scores.logits),
        "final_log_probs": np.asarray(log_probs),
        **case_tasks(case, log_probs, proposals.masks[0], frame),
    }


@runner("mask_adapter", "losses")
def run_losses(case: Case) -> Outputs:
    """Cosine and cross-entropy losses, and the IoU, alone and unweighted."""
    inputs = {name: jnp.asarray(value) for name, value in case.inputs.items()}
    predicted, truth = inputs["pred_features"], inputs["gt_features"]
    labels = inputs["labels"].astype(jnp.int32)
    ious = pairwise_ious(
        Proposals(masks=inputs["pred_masks"][None], valid=jnp.ones((1, 8), bool)),
        Truth(
            coverage=inputs["gt_masks"][None].astype(jnp.float32),
            labels=labels[:1, : len(inputs["gt_masks"])],
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
