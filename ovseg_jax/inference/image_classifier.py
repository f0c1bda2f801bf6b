"""Zero-shot classification of whole photos: the first check of any converted tower."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image

from ovseg_jax.foundation.typing import Params, Text
from ovseg_jax.inference import answering
from ovseg_jax.inference.engine import Engine
from ovseg_jax.inference.model import Model
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.text_encoder import TextEncoder
from ovseg_jax.inputs.photos import Photo, is_several, load_photo
from ovseg_jax.models.clip.variants import variant
from ovseg_jax.ops.compiler import compiler_options
from ovseg_jax.ops.text_rows import average_templates, synonym_max
from ovseg_jax.vocabulary.classes import ClassList, read_words
from ovseg_jax.vocabulary.given_words import AnyWords


@dataclasses.dataclass(frozen=True)
class Guess:
    """A class and how probable it is.

    Attributes:
        index: Its place in the vocabulary; published lists hold names twice.
        name: The class's first name.
        probability: Among the vocabulary; of a SigLIP model, of this class on its own.
    """

    index: int
    name: str
    probability: float


class ImageClassifier:
    """Names whole photos by the cosine of their embedding with those of words.

    Attributes:
        model: The model; only its towers are used.
        classes: The vocabulary in use; None before `set_vocabulary`.
    """

    def __init__(self, model: Model, cache_directory: Path | None = None):
        """Compiles nothing yet.

        Args:
            model: A model with CLIP.
            cache_directory: Where embeddings of words are kept; None for the user's cache.
        """
        self.model, self._variant = model, variant(model.config.clip.variant)
        self._engine = Engine(model)
        self._encoder = TextEncoder(model, self._engine.embed, cache_directory)
        self.classes: ClassList | None = None
        self._text: Text | None = None
        self._compute = jax.jit(self._probabilities, compiler_options=compiler_options())

    def set_vocabulary(
        self,
        classes: AnyWords,
        *,
        templates: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Chooses the words.

        Args:
            classes: Words in any form; see `Segmenter.set_vocabulary`.
            templates: Name of a prompt set; empty for the model's own.
            progress: Called with (texts embedded, texts in all).
        """
        classes = read_words(classes, "vocabulary")
        self._encoder.check(classes, templates)
        self._text = self._encoder.embed(classes, templates, progress=progress)
        self.classes = classes

    @overload
    def classify(self, photo: Photo) -> list[Guess]: ...
    @overload
    def classify(self, photo: Sequence[Photo]) -> list[list[Guess]]: ...
    def classify(self, photo: Any) -> list[Guess] | list[list[Guess]]:
        """Returns all classes, the most probable first; of several photos a list of such.

        Args:
            photo: A file, a picture of Pillow or an array; or a list of these.

        Raises:
            ImageError: It cannot be used as a photo.
            SegmenterError: No vocabulary was set.
        """
        if is_several(photo):
            return [self.classify(each) for each in photo]
        if self.classes is None:
            raise SegmenterError("no words to choose from: call set_vocabulary first")
        pixels = load_photo(photo).pixels
        fitted = fit_image(pixels, self._variant.image_size, self._variant.image_fit)
        scores = np.asarray(self._compute(self._engine.params, fitted[None], self._text))
        # Slots behind the vocabulary are padding.
        order = np.argsort(-scores[: len(self.classes)], kind="stable")
        return [Guess(int(i), self.classes.classes[i].name, float(scores[i])) for i in order]

    def _probabilities(
        self, params: Params, images: UInt8[Array, "1 S S 3"], text: Text
    ) -> Float[Array, " k"]:
        clip = self.model.method.towers
        mean, std = jnp.asarray(clip.pixel_mean), jnp.asarray(clip.pixel_std)
        run = functools.partial(answering.apply, clip, params["clip"])
        embedding = run("encode_image", (images - mean) / std)
        logits = run("similarity", embedding, average_templates(text.embeddings))
        best = synonym_max(logits[None], text)[0, 0]
        return jax.nn.sigmoid(best) if clip.has_bias else jax.nn.softmax(best)


def fit_image(
    pixels: UInt8[np.ndarray, "H W 3"], size: int, fit: str
) -> UInt8[np.ndarray, "S S 3"]:
    """Brings a photo to a tower's size, bicubic with Pillow.

    Args:
        pixels: RGB.
        size: Side of the result.
        fit: "crop" resizes the shorter side and takes the centre, as open_clip's transform does;
            "squash" gives up the aspect ratio, as SigLIP's does.
    """
    photo = Image.fromarray(pixels)
    if fit == "squash":
        return np.asarray(photo.resize((size, size), Image.Resampling.BICUBIC))
    short = min(photo.size)
    width, height = (size if side == short else int(size * side / short) for side in photo.size)
    resized = np.asarray(photo.resize((width, height), Image.Resampling.BICUBIC))
    top, left = round((height - size) / 2), round((width - size) / 2)
    return resized[top : top + size, left : left + size]
