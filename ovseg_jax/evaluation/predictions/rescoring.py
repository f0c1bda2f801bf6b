"""Scores taken again from predictions on disk, without a model: equal to the last digit.

Only the accuracy of given masks cannot be taken again: it is of masks, of which label maps keep
nothing; and the IoU near outlines only where label maps were kept, which "semantic" asks for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from ovseg_jax.config import EvaluationConfig
from ovseg_jax.evaluation.boundary import BoundaryEvaluator
from ovseg_jax.evaluation.configured import make_evaluators, open_views
from ovseg_jax.evaluation.counted import Counted
from ovseg_jax.evaluation.evaluator import State, truth_map, valid_images
from ovseg_jax.evaluation.federated import FederatedEvaluator
from ovseg_jax.evaluation.instance import InstanceEvaluator
from ovseg_jax.evaluation.panoptic import PanopticEvaluator
from ovseg_jax.evaluation.pieces import Counting, Piece
from ovseg_jax.evaluation.predictions.keeping import PREDICTIONS
from ovseg_jax.evaluation.predictions.stored import Stored
from ovseg_jax.evaluation.protocol import ProtocolCard
from ovseg_jax.evaluation.result import Result, put_together
from ovseg_jax.evaluation.semantic import SemanticEvaluator
from ovseg_jax.evaluation.totals import Totals
from ovseg_jax.foundation.errors import OperandError, first_few, warn
from ovseg_jax.inputs.batches import View
from ovseg_jax.inputs.datasets import records_key
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.loading import build
from ovseg_jax.vocabulary.published_ids import category_ids

LOST = "mask_accuracy"
"""The metric that predictions do not keep."""
OTHERS = "predictions of others"
"""What a card says of answers that are not as the model wrote them."""
ON_LABELS = ("semantic", "boundary")
"""Metrics of the label maps that are kept where the first of these is asked for."""


def rescore(stored: Stored, on_batch: Callable[[int], None] | None = None) -> Result:
    """Scores predictions against the data set that their config names.

    Args:
        stored: The predictions; its config may have been told where the data lie now.
        on_batch: Called with the number of images so far.

    Raises:
        OperandError: A prediction is missing or has another size than its photo, the classes are
            not those of the predictions, or nothing is left to score.
    """
    metrics = _kept(stored.config.metrics)
    if not metrics:
        missing = ", ".join(stored.config.metrics)
        raise OperandError(f"{stored.config.name}: {missing} cannot be scored from predictions")
    config = dataclasses.replace(stored.config, metrics=metrics)
    classes = class_list(config.data)
    if category_ids(classes) != stored.ids:
        raise OperandError(f"{config.name}: classes of {classes.name} are not those predicted")
    evaluators = make_evaluators(config, stored.model, classes)
    counting = Counting(evaluators, by_photo=True)
    pieces, seen, left = [], 0, set(stored.photos)
    stride = build.method(stored.model).stride
    for view in open_views(config, stored.model, classes, stride):
        names = [(view.names or ())[row] for row in _rows(view)]
        if missing := [name for name in names if name not in left]:
            raise OperandError(
                f"{stored.folder}: {config.name}{PREDICTIONS} lists no prediction for the photos "
                f"{first_few(missing)} of {config.data.name}"
            )
        left -= set(names)
        pieces.append(_piece(stored, view, evaluators, counting))
        seen += pieces[-1].images
        if on_batch is not None:
            on_batch(seen)
    totals = Totals(evaluators, pieces)
    if left:
        raise OperandError(
            f"{stored.folder}: {config.name}{PREDICTIONS} lists photos that {config.data.name} "
            f"does not have: {first_few(sorted(left))}"
        )
    return put_together(totals, _card(stored, config, totals.images), classes)


def _card(stored: Stored, config: EvaluationConfig, images: int) -> ProtocolCard:
    """The card of the model; that of others where files are not those that it wrote."""
    card = dataclasses.replace(stored.card, images=images, records=records_key(config.data))
    if others := stored.by_others():
        warn(
            f"not as {card.method} wrote them, so scored as predictions of others: "
            f"{first_few(others, 3)}"
        )
        unknown = dict.fromkeys(("method", "weights", "mask_source", "ensemble"), OTHERS)
        return dataclasses.replace(card, **unknown)
    return card


def _rows(view: View) -> list[int]:
    """Rows of a batch that hold a photo."""
    return np.flatnonzero(np.asarray(valid_images(view))).tolist()


def _kept(metrics: Sequence[str]) -> tuple[str, ...]:
    """Returns the metrics that predictions can be scored by."""
    lost = {LOST} if ON_LABELS[0] in metrics else {LOST, *ON_LABELS}
    return tuple(name for name in metrics if name not in lost)


def _piece(stored: Stored, view: View, evaluators: dict[str, Any], counting: Counting) -> Piece:
    """Counts one batch, photo by photo."""
    states: dict[str, State] = {name: one.init() for name, one in evaluators.items()}
    parts: dict[str, list] = {}
    for row in _rows(view):
        for name, one in evaluators.items():
            counted = _counted(stored, view, row, one)
            states[name] = states[name] + counted.state
            if counted.photos:
                moved = [dataclasses.replace(part, row=row) for part in counted.photos]
                parts.setdefault(name, []).extend(moved)
    counted = {name: Counted(states[name], tuple(some)) for name, some in parts.items()}
    return counting.piece(view, "", states, counted)


def _counted(stored: Stored, view: View, row: int, evaluator: Any) -> Counted[Any]:
    """What one evaluator counts in one photo."""
    name = (view.names or ())[row]
    height, width = size = tuple(np.asarray(view.truth.sizes)[row].tolist())
    batch = jax.tree.map(lambda leaf: leaf[row], view.truth)
    if isinstance(evaluator, SemanticEvaluator | BoundaryEvaluator):
        alone = jax.tree.map(lambda leaf: leaf[None], batch)
        truth = np.asarray(truth_map(alone))[0, :height, :width]
        return evaluator.count_labels(_fitting(stored.semantic(name), size, name), truth)
    overlaps, searched = jax.tree.map(lambda leaf: leaf[row], (view.overlaps, view.searched))
    if isinstance(evaluator, PanopticEvaluator):
        found, classes = stored.panoptic(name)
        return evaluator.count_segments(_fitting(found, size, name), classes, batch, overlaps)
    assert isinstance(evaluator, InstanceEvaluator | FederatedEvaluator)
    found = stored.found(name)
    for item in found:
        _check_size(tuple(item["segmentation"]["size"]), size, name)
    return Counted(evaluator.count_found(found, batch, overlaps, searched), ())


def _fitting(pixels: np.ndarray, size: tuple[int, ...], name: str) -> np.ndarray:
    _check_size(pixels.shape, size, name)
    return pixels


def _check_size(found: tuple[int, ...], size: tuple[int, ...], name: str) -> None:
    if found != size:
        raise OperandError(
            f"{name}: the prediction has {found[1]} x {found[0]} pixels, the photo is scored at "
            f"{size[1]} x {size[0]}; these are predictions for other photos"
        )
