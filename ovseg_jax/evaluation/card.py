"""The protocol card of an evaluation, filled in from its config."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.evaluation.protocol import FEDERATED, TRUTH, ProtocolCard, describe_resize
from ovseg_jax.evaluation.totals import Totals
from ovseg_jax.foundation import devices
from ovseg_jax.foundation.version import VERSION
from ovseg_jax.inputs.datasets import published_images, records_key
from ovseg_jax.inputs.federated import searches_apart
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.vocabulary.classes import ClassList, class_file_hash, seen_mask
from ovseg_jax.vocabulary.prompts import templates


def seen_classes(model: ModelConfig, classes: ClassList) -> Bool[np.ndarray, " k"]:
    """Classes that share a name with the training vocabulary; none where there is none."""
    if not model.train_vocabulary:
        return np.zeros(len(classes), bool)
    return np.asarray(seen_mask(classes, named_classes(model.train_vocabulary)))


def is_federated(config: EvaluationConfig) -> bool:
    """Whether AP is scored, on a set whose photos were searched for some classes only."""
    return "instance" in config.metrics and searches_apart(config.data)


def fill_card(
    config: EvaluationConfig,
    model: ModelConfig,
    classes: ClassList,
    stride: int,
    totals: Totals,
    weights: str,
) -> ProtocolCard:
    """Fills in the card.

    Args:
        config: Data, masks and metrics.
        model: The model section.
        classes: Those that were scored.
        stride: Pixels per cell of the method, which decides the padding.
        totals: What was counted.
        weights: What the weights are called.
    """
    data, thresholds = config.data, model.inference
    frame = data.image_size if config.protocol == "frame" else ()
    return ProtocolCard(
        dataset=" ".join(filter(None, (data.name, data.config, data.split))),
        images=totals.images,
        resize=describe_resize(model.inference, stride, frame),
        mask_source=_mask_source(config, model),
        method=_named_by(config, model),
        ensemble=" or ".join(sorted(totals.rules)),
        templates=model.templates,
        num_templates=len(templates(model.templates)),
        class_file=classes.name,
        class_file_hash=class_file_hash(classes),
        num_classes=len(classes),
        num_names=len(classes.synonym_rows[0]),
        num_seen=int(seen_classes(model, classes).sum()),
        train_vocabulary=model.train_vocabulary or "none",
        miou=config.miou,
        thresholds=f"object {thresholds.object_threshold:g}, "
        f"overlap {thresholds.overlap_threshold:g}",
        weights=weights,
        dtype=devices.compute_dtype(model.clip.compute_dtype),
        version=VERSION,
        truth=FEDERATED if is_federated(config) else TRUTH,
        records=records_key(data),
        published_images=published_images(data),
    )


def _mask_source(config: EvaluationConfig, model: ModelConfig) -> str:
    masks = config.masks
    if masks.kind == "perturbed":
        return f"{masks.kind}, IoU {masks.iou:g}"
    if masks.kind == "model":
        return f"{masks.kind} {masks.path}"
    if masks.kind == "generator":
        return f"{masks.kind}, {getattr(model.generator, 'backbone', 'none: pixels')}"
    return masks.kind


def _named_by(config: EvaluationConfig, model: ModelConfig) -> str:
    rule = config.names
    return model.method.kind if rule == "model" else f"none: names of the truth, {rule}"
