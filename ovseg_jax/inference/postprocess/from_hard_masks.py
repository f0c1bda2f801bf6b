"""Named hard masks to the answer of each task, with what stays unlabelled taken out."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.foundation.typing import Prediction
from ovseg_jax.inference.postprocess import overlaps as hard
from ovseg_jax.inference.postprocess.instance import Instances, top_pairs
from ovseg_jax.inference.postprocess.panoptic import Panoptic, PanopticRules, assemble, keep_masks
from ovseg_jax.inference.results import Classification, Settings


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
    return show_labels(labels, scores, len(found.words.classes), settings)


def _panoptic(found, masks, is_thing, settings: Settings) -> Prediction:
    rules = PanopticRules(settings.object_threshold, settings.overlap_threshold)
    kept, labels, scores = keep_masks(_log(found.probabilities), rules.object_threshold)
    claims = hard.claim_pixels(scores, hard.find_patterns(masks[kept]))
    result = assemble(claims, labels, scores, is_thing, rules)
    return show_segments(result, len(found.words.classes), settings)


def _instance(found, masks, is_thing, settings: Settings) -> Prediction:
    wanted = is_thing & (np.arange(len(is_thing)) < len(found.words.classes))
    log_probs = _log(found.probabilities)
    queries, classes, scores = top_pairs(log_probs, settings.top_instances, wanted)
    shown = found.areas[queries] > 0
    result = Instances(
        queries[shown], classes[shown], scores[shown].astype(np.float32), masks[queries[shown]]
    )
    return show_instances(result, settings)


def show_labels(
    labels: Int[np.ndarray, "H W"],
    scores: Float[np.ndarray, "H W"],
    num_shown: int,
    settings: Settings,
) -> Prediction:
    """Makes the semantic answer: one segment per class that is shown somewhere.

    Args:
        labels: Class slot of every pixel, -1 for none.
        scores: How sure that is.
        num_shown: Slots below this are shown; the others are background.
        settings: Lowest score.
    """
    shown = (labels < num_shown) & (scores >= settings.min_score)
    labels = np.where(shown, labels, -1).astype(np.int32)
    classes = np.unique(labels[labels >= 0])
    regions = labels[None] == classes[:, None, None]
    numbers = np.zeros(num_shown + 1, np.int32)  # the last entry serves label -1
    numbers[classes] = np.arange(1, len(classes) + 1)
    means = [float(scores[region].mean()) for region in regions]
    return Prediction(
        labels=labels,
        segment_ids=numbers[labels],
        classes=classes,
        scores=np.array(means, np.float32),
        masks=regions,
    )


def show_segments(result: Panoptic, num_shown: int, settings: Settings) -> Prediction:
    """Makes the panoptic answer without background and what is below the lowest score."""
    slots = result.info[:, 2]
    shown = (slots < num_shown) & (result.scores >= settings.min_score)
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


def show_instances(result: Instances, settings: Settings) -> Prediction:
    """Makes the instance answer without what is below the lowest score; the best lie on top."""
    shown = result.scores >= settings.min_score
    classes, masks = result.classes[shown], result.masks[shown]
    ids = hard.top_masks(masks, np.arange(len(masks)))
    return Prediction(
        labels=np.r_[-1, classes].astype(np.int32)[ids],
        segment_ids=ids,
        classes=classes,
        scores=result.scores[shown],
        masks=masks,
    )


def _log(probabilities: Float[np.ndarray, "q k1"]):
    with np.errstate(divide="ignore"):
        return jnp.asarray(np.log(probabilities))
