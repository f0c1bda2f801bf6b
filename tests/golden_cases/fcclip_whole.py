"""Golden cases of FC-CLIP's mask generator, alone and in the whole model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import EnsembleConfig, MaskPoolingConfig
from ovseg_jax.convert.generators.whole import convert_fcclip, generator_part
from ovseg_jax.convert.rules import apply
from ovseg_jax.foundation.typing import Batch, Text
from ovseg_jax.inference.ensemble import choose_rule
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.methods.mask_pooling import MaskPooling
from ovseg_jax.models.generators.variants import build_generator
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.vocabulary.classes import ClassEntry, ClassList

from . import Case, Outputs, runner
from .frames import case_batch, channels_first, each_image
from .tasks import frame_in, tasks
from .thresholds import Guides, attention_guides, decisively, single

STRIDE = 32
"""Pixels per cell of the map that is pooled."""
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
    method = MaskPooling(clip=None, config=MaskPoolingConfig(has_void=True), generator=generator)
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
    """From images and names to all three tasks."""
    model, params, _ = convert_fcclip(case.checkpoint(), case.name)
    method = build.method(model)
    params = jax.tree.map(jnp.asarray, params)
    text = named_classes(case, model, method, params)
    batch = case_batch(case)
    return answers(case, text, batch, *propose_and_score(method, params, batch, text))


def named_classes(case: Case, model, method, params) -> Text:
    """The case's names as a vocabulary, embedded by the text tower; seen classes as it says."""
    split = [names.replace(", ", ",").split(",") for names in case.config["class_names"]]
    classes = ClassList("case", tuple(ClassEntry(tuple(x), True, (0, 0, 0)) for x in split))
    text = embed_vocabulary(model, method, params, classes)
    seen = np.zeros(len(text.seen), bool)
    seen[: len(classes)] = case.inputs["category_overlapping_mask"]
    return text.replace(seen=jnp.asarray(seen))


def pooling_guides(result: tuple) -> Guides:
    """Yields what mask pooling cuts at zero beside what guides attention."""
    yield from attention_guides(result)
    pixels, layers, proposals = result[:3]
    yield resize_masks(proposals.masks, pixels.levels[0].shape[1:3])


def propose_and_score(method, params, batch: Batch, text: Text, guides=pooling_guides):
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

    towers = {name: tower for name, tower in params["clip"].items() if name != "text"}
    found = decisively(method, whole, params | {"clip": towers}, batch, text, guides=guides)[2:]
    return jax.tree.map(single, found)


def answers(case: Case, text: Text, batch: Batch, proposals, scores, words) -> Outputs:
    """Ensemble and tasks, in the columns of the case: classes, then void."""
    config, count = case.config, len(case.config["class_names"])
    weights = EnsembleConfig(
        alpha=config["alpha"],
        beta=config["beta"],
        skip_empty=config.get("ensemble_on_valid_mask", False),
    )
    grid = tuple(side // STRIDE for side in batch.images.shape[1:3])
    rule = choose_rule(proposals, weights, grid)
    log_probs = rule.join(proposals, scores.logits, text)
    kept = columns(log_probs, count)

    def answer(index: int) -> Outputs:
        frame = frame_in(case, batch, index)
        found = tasks(case, kept[index], proposals.masks[index], frame)
        return found | {"final_log_probs": kept[index]}

    names = len(np.asarray(text.classes)[np.asarray(text.classes) < len(text.valid)])
    used = np.asarray(words)
    return {
        "pooled_embed": np.asarray(scores.regions.embeddings),
        "text_classifier": used[..., :names, :],
        "text_used": np.concatenate([used[..., :names, :], used[..., -1:, :]], axis=-2),
        "out_vocab_logits": columns(scores.logits, count),
        "pred_logits": columns(proposals.class_logits, count),
        "pred_masks": np.asarray(proposals.masks),
        **each_image(len(batch.images), answer),
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
