"""Answers made by hand, for what is done with answers."""

import numpy as np

from ovseg_jax.config import InferenceConfig
from ovseg_jax.foundation.typing import Prediction
from ovseg_jax.inference.results import Classification, Settings
from ovseg_jax.inference.segmentation import Segmentation
from ovseg_jax.inference.words import Words
from ovseg_jax.vocabulary.classes import read_words
from tests.inference.tiny_model import photo

HEIGHT, WIDTH = 30, 40
WORDS = "cat, kitten; <b> & \"q\": 'x', yes; 球"


def shapes():
    """A ring, one pixel, two parts of which one touches the edge, and what overlaps all of them."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    distance = (y - 14) ** 2 + (x - 15) ** 2
    ring = (distance < 100) & (distance > 20)
    parts = ((x > 33) & (y < 9)) | ((x > 30) & (y > 22))
    return np.stack([ring, (y == 2) & (x == 3), parts, (x + y) % 5 < 3])


def answer(
    masks=None, classes=(0, 1, 2, 1), scores=(0.9, 0.8, 0.7, 0.4), words=WORDS, **about
) -> Segmentation:
    """An answer with these segments.

    Args:
        masks: Of the segments, [q, H, W].
        classes: Position of each one's class.
        scores: Of the segments.
        words: The vocabulary.
        about: Other fields of `Segmentation`.
    """
    masks = shapes() if masks is None else masks
    classes, scores = np.array(classes[: len(masks)], int), np.array(scores[: len(masks)])
    listed = words if hasattr(words, "classes") else read_words(words)
    found = Classification(
        Words(listed), np.zeros((0, len(listed) + 1), np.float32), np.zeros(0, np.int64)
    )
    ids = np.zeros(masks.shape[1:], np.int64)
    for number in np.argsort(scores, kind="stable"):
        ids[masks[number]] = number + 1
    labels = np.concatenate([[-1], classes])[ids]
    fields = {"model": "drawn", "photo": "a.jpg"} | about
    return Segmentation(
        prediction=Prediction(
            labels=labels, segment_ids=ids, classes=classes, scores=scores, masks=masks
        ),
        pixels=photo(*masks.shape[1:]),
        masks=np.zeros((0, *masks.shape[1:]), bool),
        classification=found,
        is_thing=listed.thing_mask,
        settings=Settings.of(InferenceConfig(), "instance", None),
        **fields,
    )
