"""A page to publish, in Gradio: pip install gradio, then python examples/gradio_app.py [MODEL].

`ovseg serve` is the page for one's own machine; Gradio is what hubs run.
"""

from __future__ import annotations

import sys
from typing import Any

import gradio

from ovseg_jax import api

segmenter = api.load_segmenter(sys.argv[1] if len(sys.argv) > 1 else "toy")


def answer(photo: Any, words: str, task: str) -> tuple[Any, list[tuple[Any, str]]]:
    """Names what is on a photo: the photo, and each segment's mask with its name and score."""
    if photo is None:
        raise gradio.Error("give a photo")
    try:
        segmenter.set_vocabulary(words or None)
        found = segmenter.segment(photo, task=task)
    except ValueError as error:  # words or a photo that cannot be used; the message says why
        raise gradio.Error(str(error)) from error
    scores = found.prediction.scores
    named = [f"{name} {score:.2f}" for name, score in zip(found.names, scores, strict=True)]
    return found.pixels, list(zip(found.prediction.masks, named, strict=True))


page = gradio.Interface(
    answer,
    [
        gradio.Image(type="pil", label="Photo"),
        gradio.Textbox("cat, kitten; sofa; remote control", label="Words"),
        gradio.Radio(["semantic", "panoptic", "instance"], value="panoptic", label="View"),
    ],
    gradio.AnnotatedImage(label="Answer"),
    title="Words on a photo",
    flagging_mode="never",
)

if __name__ == "__main__":
    page.launch()
