"""The models of a page: opened by the worker when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ovseg_jax.inference.encoded_image import EncodedImage
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.serve.album import Kept
from ovseg_jax.serve.questions import Question
from ovseg_jax.serve.worker import Say

Opener = Callable[[], Segmenter]


class Models:
    """Segmenters by name. Only the worker's thread calls what computes.

    Attributes:
        names: All names; the first is the default.
    """

    def __init__(self, openers: Mapping[str, Opener]):
        """Opens nothing yet.

        Args:
            openers: By name, what loads a model.
        """
        self._openers = dict(openers)
        self._open: dict[str, Segmenter] = {}
        self.names = tuple(self._openers)

    def is_open(self, name: str) -> bool:
        """Whether a model is loaded."""
        return name in self._open

    def segmenter(self, name: str, say: Say) -> Segmenter:
        """Returns a model, loaded where it is not."""
        if name not in self._open:
            say(f"loading the model {name}")
            self._open[name] = self._openers[name]()
        return self._open[name]

    def look(self, kept: Kept, name: str, say: Say) -> EncodedImage:
        """Runs the image tower on a photo, unless this model has seen it."""
        segmenter = self.segmenter(name, say)
        if name not in kept.encoded:
            say("looking at the photo (the first one of its size compiles)")
            kept.encoded[name] = segmenter.encode(kept.photo)
        return kept.encoded[name]

    def answer(self, kept: Kept, question: Question, say: Say) -> Any:
        """Answers a question about a photo; the photo keeps the latest answer.

        Raises:
            OvsegError: The words cannot be used, or this model does not answer so.
        """
        if kept.answer is not None and kept.answer[0] == question:
            return kept.answer[1]
        encoded = self.look(kept, question.model, say)
        segmenter = self.segmenter(question.model, say)
        say("embedding words")
        segmenter.set_vocabulary(question.words or None, question.background)
        say("naming masks")
        found = segmenter.segment(encoded, task=question.task, min_score=question.min_score)
        kept.answer = question, found
        return found
