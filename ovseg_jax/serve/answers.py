"""An answer for the page: segments with names, colours, runner-ups and run lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ovseg_jax.inference.output.save import encode_rle
from ovseg_jax.inference.results import Answer, Classification

RUNNERS_UP = 5
SIDE = 256
"""Longer side, in pixels, of the masks by whose overlap runner-ups are found."""


def describe_answer(answer: Answer) -> dict[str, Any]:
    """Returns what the page draws and lists, ready for JSON.

    Each segment has "segmentation", COCO's run lengths at the photo's size, and "runners_up": the
    probability of each word over the masks that it is made of, by the share that each covers.
    """
    found, words = answer.prediction, answer.words
    colors = words.classes.colors
    runners = _runners_up(answer)
    segments = [
        {
            "id": number + 1,
            "name": answer.names[number],
            "class": int(label),
            "score": round(float(found.scores[number]), 4),
            "is_thing": bool(answer.is_thing[label]),
            "color": [int(value) for value in colors[label]],
            "area": int(np.count_nonzero(found.masks[number])),
            "segmentation": encode_rle(np.asarray(found.masks[number])),
            "runners_up": runners[number],
        }
        for number, label in enumerate(found.classes)
    ]
    return {
        "height": int(found.labels.shape[0]),
        "width": int(found.labels.shape[1]),
        "task": answer.settings.task,
        "model": answer.model,
        "unlabelled": round(float((found.labels < 0).mean()), 4),
        "classes": [list(entry.synonyms) for entry in words.classes.classes],
        "background": list(words.background_names),
        "background_is_default": words.is_default,
        "segments": segments,
    }


def _runners_up(answer: Answer) -> list[list[dict[str, Any]]]:
    """The best words of every segment; none where pixels were named without masks."""
    segments = _small(np.asarray(answer.prediction.masks))
    if not len(answer.masks) or not len(answer.classification):
        return [[] for _ in segments]
    shares = segments.astype(np.float32) @ _small(answer.masks).T.astype(np.float32)
    return [_top(answer.classification, row) for row in shares]


def _small(masks: Bool[np.ndarray, "q H W"]) -> Bool[np.ndarray, "q p"]:
    step = max(1, max(masks.shape[1:]) // SIDE)
    small = masks[:, ::step, ::step]
    return small.reshape(len(masks), small.shape[1] * small.shape[2])  # -1 is unknown of no masks


def _top(found: Classification, shares: Float[np.ndarray, " q"]) -> list[dict[str, Any]]:
    if not shares.sum():
        return []
    mean = shares @ found.probabilities[:, :-1] / shares.sum()
    names = found.words.all.names
    best = np.argsort(-mean, kind="stable")[:RUNNERS_UP]
    return [{"name": names[slot], "score": round(float(mean[slot]), 4)} for slot in best]
