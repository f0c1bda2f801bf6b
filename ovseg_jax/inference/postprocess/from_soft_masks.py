"""The three tasks on a generator's soft masks, brought from its frame to the photo's size.

Soft masks compete pixel by pixel before they are cut, as in the reference code; `from_hard_masks`
has the same for masks that people and files give.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ovseg_jax.foundation.typing import Prediction
from ovseg_jax.inference.postprocess.from_hard_masks import (
    show_instances,
    show_labels,
    show_segments,
)
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.inference.postprocess.instance import harden, instances
from ovseg_jax.inference.postprocess.panoptic import PanopticRules, panoptic_segments
from ovseg_jax.inference.postprocess.semantic import semantic_labels
from ovseg_jax.inference.results import Classification, Settings
from ovseg_jax.inference.words import Words

MOST_LISTED = 100
LISTED_BYTES = 2**30
"""Bounds on the masks that an answer lists beside its segments."""


def predict_soft(
    log_probs: Float[np.ndarray, "q k1"],
    masks: Float[jnp.ndarray, "q _h _w"],
    frame: Frame,
    num_shown: int,
    is_thing: Bool[np.ndarray, " k"],
    settings: Settings,
) -> Prediction:
    """Makes the answer of one photo.

    Args:
        log_probs: Log probability of each class slot for each mask, void last.
        masks: Mask logits over the padded frame.
        frame: Where the photo lies in it, and the photo's size.
        num_shown: Slots below this are shown; the others are background.
        is_thing: Class slots that are things.
        settings: Task and thresholds.
    """
    logits = jnp.asarray(log_probs)
    if settings.task == "semantic":
        labels, scores = map(np.asarray, semantic_labels(logits, masks, frame))
        return show_labels(labels, np.minimum(scores, 1.0), num_shown, settings)
    if settings.task == "panoptic":
        rules = PanopticRules(settings.object_threshold, settings.overlap_threshold)
        result = panoptic_segments(logits, masks, frame, is_thing, rules)
        return show_segments(result, num_shown, settings)
    wanted = is_thing & (np.arange(len(is_thing)) < num_shown)
    found = instances(logits, masks, frame, top=settings.top_instances, is_thing=wanted)
    return show_instances(found, settings)


def list_masks(
    log_probs: Float[np.ndarray, "q k1"],
    masks: Float[jnp.ndarray, "q _h _w"],
    maps: Float[np.ndarray, "q m h w"] | None,
    frame: Frame,
    words: Words,
    extent: tuple[float, float],
) -> tuple[Classification, Bool[np.ndarray, "n H W"]]:
    """Picks the proposals worth listing: those that are more likely something than nothing.

    Args:
        log_probs: As for `predict_soft`, empty class slots removed.
        masks: As for `predict_soft`.
        maps: Activation maps of all masks, if the method has them.
        frame: As for `predict_soft`.
        words: The vocabulary.
        extent: Share of the frame that is photo.

    Returns:
        Their names, and they themselves at the photo's size, best first; at most `MOST_LISTED`,
        fewer on photos so large that they would not fit `LISTED_BYTES`.
    """
    probabilities = np.exp(log_probs)
    best = probabilities[:, :-1].max(1)
    room = int(np.clip(LISTED_BYTES // np.prod(frame.output), 1, MOST_LISTED))
    order = np.argsort(-best, kind="stable")
    kept = order[(best > probabilities[:, -1])[order]][:room]
    hard = np.zeros((0, *frame.output), bool)
    if len(kept):
        slots = 1 << (len(kept) - 1).bit_length()  # powers of two, so that few shapes compile
        chosen = masks[np.pad(kept, (0, slots - len(kept)))]
        hard = np.asarray(harden(chosen, frame)[0])[: len(kept)]
    found = Classification(
        words=words,
        probabilities=probabilities[kept],
        areas=hard.sum((1, 2)),
        maps=None if maps is None else maps[kept],
        extent=extent,
    )
    return found, hard
