"""A model with a generator, asked for the masks that another model names."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from ovseg_jax.foundation.typing import Params, Text
from ovseg_jax.inference.encoded_image import EncodedImage
from ovseg_jax.inference.engine import Engine
from ovseg_jax.inference.mask_makers.mask_maker import SoftMasks
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.text_encoder import TextEncoder
from ovseg_jax.vocabulary.classes import ClassList


class GeneratorMaskMaker:
    """Proposes masks by a model's own generator; a `mask_maker.MaskMaker`."""

    kind = "generator"

    def __init__(self, engine: Engine, encoder: TextEncoder):
        """Compiles nothing yet.

        Args:
            engine: The computations of a model with a generator.
            encoder: Its text encoder.

        Raises:
            SegmenterError: It has no generator.
        """
        if engine.model.method.generator is None:
            raise SegmenterError(f"{engine.model.name} has no mask generator")
        self._engine, self._encoder = engine, encoder
        self._text: Text | None = None
        self._own_list: ClassList | None = None

    @property
    def params(self) -> Params:
        """All parameters of the model."""
        return self._engine.model.params

    def choose_words(self, words: ClassList) -> None:
        """Chooses the words by which another model will name its masks, if it knows words."""
        closed = self._engine.model.is_closed
        chosen = self._encoder.choose(None if closed else words, "none")
        self._text = self._encoder.embed(chosen.all, chosen.templates)
        self._own_list = chosen.classes if closed else None

    def look(self, pixels: UInt8[np.ndarray, "H W 3"]) -> EncodedImage:
        """Encodes a photo at this model's own test size."""
        return self._engine.encode(pixels)

    def make(self, looked: EncodedImage) -> SoftMasks:
        """Proposes the masks of a photo.

        Raises:
            SegmenterError: No words were chosen, which the generator needs for its own names.
        """
        if self._text is None:
            raise SegmenterError("no vocabulary yet; call choose_words")
        proposals = self._engine.propose(looked, self._text)
        return SoftMasks(proposals, looked.frame, self._own_list)
