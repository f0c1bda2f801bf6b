"""Golden cases of FC-CLIP's mask generator, alone and in the whole model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax import build
from ovseg_jax.config import EnsembleConfig
from ovseg_jax.convert.generators import convert_fcclip, generator_part
from ovseg_jax.convert.rules import apply
from ovseg_jax.inference.ensemble import joined_log_probabilities
from ovseg_jax.inference.frame import Frame
from ovseg_jax.methods.mask_pooling import MaskPooling
from ovseg_jax.models.generators.variants import build_generator
from ovseg_jax.typing import Text
from ovseg_jax.vocabulary.classes import ClassEntry, ClassList

from . import Case, Outputs, runner
from .fcclip import STRIDE, three_tasks
from .generators import channels_first, padded_batch
from .thresholds import decisively

STAGES = (0, 4)
"""Auxiliary answers that the case stores; 0 is that of the untouched queries."""


@runner("fcclip", "fcclip_head")
def run_head(case: Case) -> Outputs:
    """The generator from given trunk maps, its masks named by given rows of text."""
    tensors = case.checkpoint()
    part = generator_part(tensors, case.name)
    params, _ = apply(part.table, tensors, part.expected, case.name)
    rows, text = jnp.asarray(case.inputs["text_classifier_with_void"]), grouping(case)
    generator = build_generator(part.config, rows.shape[1])
    method = MaskPooling(clip=None, generator=generator, has_void=True)
    pyramid = {
        name: jnp.asarray(np.moveaxis(case.inputs[name], 1, -1))
        for name in ("res2", "res3", "res4", "res5")
    }

    def stages(bound, pyramid):
        pixels = bound.generator.pixel_decoder(pyramid)
        layers = bound.generator.decoder(pixels, all_layers=True)
        final = bound.generator.decoder(pixels)[-1]
        logits = [
            bound.class_logits(layer.class_embeddings, rows, text) for layer in (*layers, final)
        ]
        return pixels, layers, final, logits

    pixels, layers, final, logits = decisively(method, stages, params, pyramid)
    outputs = {
        "mask_features": channels_first(pixels.masks),
        **{f"multi_scale_{i}": channels_first(x) for i, x in enumerate(pixels.levels)},
        "encoder_memory": np.concatenate(
            [np.asarray(x).reshape(len(x), -1, x.shape[-1]) for x in pixels.levels], axis=1
        ),
        "pred_masks": np.asarray(final.masks),
        "pred_logits": np.asarray(logits[-1]),
    }
    for stage in STAGES:
        outputs[f"aux{stage}_masks"] = np.asarray(layers[stage].masks)
        outputs[f"aux{stage}_logits"] = np.asarray(logits[stage])
    return outputs


@runner("fcclip", "fcclip_full")
def run_whole(case: Case) -> Outputs:
    """From an image and names to all three tasks."""
    config = case.config
    model, params, _ = convert_fcclip(case.checkpoint(), case.name)
    method = build.method(model)
    params = jax.tree.map(jnp.asarray, params)
    text = named_classes(case, model, method, params)
    batch = padded_batch(case.inputs["image"], config["size_divisibility"])
    answers = propose_and_score(method, params, batch, text)
    return tasks(case, text, batch, *answers)


def named_classes(case: Case, model, method, params) -> Text:
    """The case's names as a vocabulary, embedded by the text tower; seen classes as it says."""
    split = [names.replace(", ", ",").split(",") for names in case.config["class_names"]]
    classes = ClassList("case", tuple(ClassEntry(tuple(x), True, (0, 0, 0)) for x in split))
    text = build.text(model, method, params, classes)
    seen = np.zeros(len(text.seen), bool)
    seen[: len(classes)] = case.inputs["category_overlapping_mask"]
    return text.replace(seen=jnp.asarray(seen))


def propose_and_score(method, params, batch, text):
    """Proposals, scores and words of a whole model, by one compiled program."""

    def whole(bound, batch, text):
        features = bound.encode_batch(batch)
        images = batch.images.astype(jnp.float32)
        pyramid = bound.generator.trunk(images, batch.sizes, features.pyramid)
        pixels = bound.generator.pixel_decoder(pyramid)
        layers = bound.generator.decoder(pixels, all_layers=True)
        proposals = bound.propose(batch, features, text)
        scores = bound.score(features, proposals, text)
        return pixels, layers, proposals, scores, bound.words(features, text)

    found = decisively(method, whole, params, batch, text)[2:]
    return jax.tree.map(single, found)


def single(x):
    """Double precision, which thresholds may have needed, ends here."""
    wide = jnp.issubdtype(x.dtype, jnp.floating)
    return jnp.asarray(x, jnp.float32) if wide else jnp.asarray(x)


def tasks(case: Case, text: Text, batch, proposals, scores, words) -> Outputs:
    """Ensemble and tasks, in the columns of the case: classes, then void."""
    config, count = case.config, len(case.config["class_names"])
    weights = EnsembleConfig(
        alpha=config["alpha"],
        beta=config["beta"],
        skip_empty=config.get("ensemble_on_valid_mask", False),
    )
    grid = [side // STRIDE for side in batch.images.shape[1:3]]
    log_probs = joined_log_probabilities(proposals, scores.logits, text, weights, tuple(grid))
    image = case.inputs["image"]
    frame = Frame(batch.images.shape[1:3], image.shape[:2], tuple(config["output_size"]))
    kept = columns(log_probs, count)[0]
    names = len(np.asarray(text.classes)[np.asarray(text.classes) < len(text.valid)])
    used = np.asarray(words)
    return {
        "pooled_embed": np.asarray(scores.regions.embeddings),
        "text_classifier": used[..., :names, :],
        "text_used": np.concatenate([used[..., :names, :], used[..., -1:, :]], axis=-2),
        "out_vocab_logits": columns(scores.logits, count),
        "pred_logits": columns(proposals.class_logits, count),
        "pred_masks": np.asarray(proposals.masks),
        "final_log_probs": kept,
        **three_tasks(
            jnp.asarray(kept), jnp.asarray(proposals.masks[0], jnp.float32), frame, config
        ),
    }


def columns(logits, count: int) -> np.ndarray:
    """The columns of the classes and of void, without the empty slots between them."""
    return np.concatenate([np.asarray(logits)[..., :count], np.asarray(logits)[..., -1:]], -1)


def grouping(case: Case) -> Text:
    """Which row of the given text belongs to which class; the rows themselves are given apart."""
    counts = case.inputs["num_templates"]
    return Text(
        embeddings=jnp.zeros((int(counts.sum()), 1, 1)),
        classes=jnp.asarray(np.repeat(np.arange(len(counts)), counts), jnp.int32),
        valid=jnp.ones(len(counts), bool),
        seen=jnp.zeros(len(counts), bool),
    )
