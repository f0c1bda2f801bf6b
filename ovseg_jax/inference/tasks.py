"""Named hard masks to the answer of each task, with what stays unlabelled taken out."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ovseg_jax.inference import hard
from ovseg_jax.inference.instance import top_pairs
from ovseg_jax.inference.panoptic import PanopticRules, assemble, keep_masks
from ovseg_jax.inference.results import Classification, Settings
from ovseg_jax.typing import Prediction


def predict(
    found: Classification,
    masks: Bool[np.ndarray, "q H W"],
    is_thing: Bool[np.ndarray, " k"],
    settings: Settings,
) -> Prediction:
    """Makes the answer of one photo.

    Pixels stay unlabelled where no mask lies, where a background word wins, and below the lowest
    score.

    Args:
        found: Names of the masks.
        masks: The masks, at the photo's size.
        is_thing: Class slots that are things, background included.
        settings: Task and thresholds.
    """
    paint = {"semantic": _semantic, "panoptic": _panoptic, "instance": _instance}[settings.task]
    return paint(found, masks, is_thing, settings)


def _semantic(found, masks, is_thing, settings: Settings) -> Prediction:
    patterns = hard.find_patterns(masks)
    labels, scores = hard.label_pixels(found.probabilities[:, :-1], patterns)
    shown = (labels < len(found.words.classes)) & (scores >= settings.min_score)
    labels = np.where(shown, labels, -1).astype(np.int32)
    classes = np.unique(labels[labels >= 0])
    regions = labels[None] == classes[:, None, None]
    numbers = np.zeros(len(found.words.classes) + 1, np.int32)  # the last entry serves label -1
    numbers[classes] = np.arange(1, len(classes) + 1)
    means = [float(scores[region].mean()) for region in regions]
    return Prediction(
        labels=labels,
        segment_ids=numbers[labels],
        classes=classes,
        scores=np.array(means, np.float32),
        masks=regions,
    )


def _panoptic(found, masks, is_thing, settings: Settings) -> Prediction:
    rules = PanopticRules(settings.object_threshold, settings.overlap_threshold)
    kept, labels, scores = keep_masks(_log(found.probabilities), rules.object_threshold)
    claims = hard.claim_pixels(scores, hard.find_patterns(masks[kept]))
    result = assemble(claims, labels, scores, is_thing, rules)
    slots = result.info[:, 2]
    shown = (slots < len(found.words.classes)) & (result.scores >= settings.min_score)
    numbers = np.zeros(len(shown) + 1, np.int32)
    numbers[1:][shown] = np.arange(1, shown.sum() + 1)
    ids = numbers[result.segment_ids]
    classes = slots[shown]
    return Prediction(
        labels=np.r_[-1, classes].astype(np.int32)[ids],
        segment_ids=ids,
        classes=classes,
        scores=result.scores[shown],
        masks=ids[None] == np.arange(1, len(classes) + 1)[:, None, None],
    )


def _instance(found, masks, is_thing, settings: Settings) -> Prediction:
    wanted = is_thing & (np.arange(len(is_thing)) < len(found.words.classes))
    log_probs = _log(found.probabilities)
    queries, classes, scores = top_pairs(log_probs, settings.top_instances, wanted)
    shown = (scores >= settings.min_score) & (found.areas[queries] > 0)
    queries, classes, scores = queries[shown], classes[shown], scores[shown]
    chosen = masks[queries]
    ids = hard.top_masks(chosen, np.arange(len(chosen)))
    return Prediction(
        labels=np.r_[-1, classes].astype(np.int32)[ids],
        segment_ids=ids,
        classes=classes,
        scores=scores.astype(np.float32),
        masks=chosen,
    )


def _log(probabilities: Float[np.ndarray, "q k1"]):
    with np.errstate(divide="ignore"):
        return jnp.asarray(np.log(probabilities))
