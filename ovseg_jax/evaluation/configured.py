"""What the config of an evaluation asks for: its evaluators, and the pictures that they judge."""

from __future__ import annotations

from collections.abc import Iterator

from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.evaluation import shares
from ovseg_jax.evaluation.boundary import BoundaryEvaluator
from ovseg_jax.evaluation.card import is_federated, seen_classes
from ovseg_jax.evaluation.evaluator import Evaluator
from ovseg_jax.evaluation.federated import FederatedEvaluator
from ovseg_jax.evaluation.instance import InstanceEvaluator
from ovseg_jax.evaluation.mask_accuracy import MaskAccuracy
from ovseg_jax.evaluation.panoptic import PanopticEvaluator
from ovseg_jax.evaluation.semantic import SemanticEvaluator
from ovseg_jax.foundation.typing import needed
from ovseg_jax.inference.postprocess.panoptic import PanopticRules
from ovseg_jax.inputs.batches import Share, View, frame_views, photo_views
from ovseg_jax.inputs.datasets import open_split
from ovseg_jax.inputs.federated import class_frequencies
from ovseg_jax.inputs.labels import class_filter, interest_mask
from ovseg_jax.vocabulary.classes import ClassList


def make_evaluators(
    config: EvaluationConfig, model: ModelConfig, classes: ClassList, *, keeps_found: bool = False
) -> dict[str, Evaluator]:
    """Returns the evaluators by the prefix of their scores.

    Args:
        config: Metrics and data; objects of a set whose photos were searched for some classes only
            are scored as LVIS's.
        model: The model section.
        classes: That are scored.
        keeps_found: Whether the objects that are found are kept.

    Raises:
        ovseg_jax.inputs.builders.DataError: See `class_frequencies`.
    """
    inference, things = model.inference, classes.thing_mask
    seen = seen_classes(model, classes) if config.seen_apart else None
    rules = PanopticRules(
        object_threshold=inference.object_threshold,
        overlap_threshold=inference.overlap_threshold,
    )
    interest = interest_mask(config.data, classes)
    semantic = SemanticEvaluator(seen, things, config.miou, interest)
    known: dict[str, Evaluator] = {
        "mask_accuracy": MaskAccuracy(seen, things),
        "semantic": semantic,
        "boundary": BoundaryEvaluator(semantic),
        "panoptic": PanopticEvaluator(seen, things, rules),
        "instance": InstanceEvaluator(seen, things, inference.top_instances),
    }
    if is_federated(config):
        frequencies = needed(class_frequencies(config.data), "class_frequencies")
        known["instance"] = FederatedEvaluator(seen, things, frequencies, keeps_found)
    return {name: known[name] for name in config.metrics}


def own_images(config: EvaluationConfig) -> int:
    """Returns how many photos this host scores; see `shares`."""
    whole = len(open_split(config.data))
    total = min(whole, config.max_images or whole)
    size = config.data.batch_size if config.protocol == "frame" else 1
    numbers = shares.own_numbers(-(-total // size))
    return sum(min(size, total - number * size) for number in numbers)


def open_views(
    config: EvaluationConfig,
    model: ModelConfig,
    classes: ClassList,
    stride: int,
    share: Share = range,
) -> Iterator[View]:
    """Yields the batches of the split, or a share of them.

    Args:
        config: Data and protocol.
        model: The model section, for the test size.
        classes: That are scored.
        stride: Pixels per cell of the method.
        share: Picks batches.
    """
    data, limit = config.data, config.max_images
    kept = class_filter(data, classes)
    if config.protocol == "frame":
        return frame_views(data, limit, kept, share)
    return photo_views(data, model.inference, limit, kept, stride, share)
