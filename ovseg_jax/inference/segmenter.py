"""The friendly front: a model and words, applied to photos with given masks.

Works on arrays; `ovseg_jax.api` adds file names. Each photo is encoded once; masks and words may
change afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from ovseg_jax.inference.engine import EncodedImage, Engine, ModelParts
from ovseg_jax.inference.results import (
    Classification,
    Segmentation,
    SegmenterError,
    Settings,
    Task,
)
from ovseg_jax.inference.tasks import predict
from ovseg_jax.inference.words import Words, choose_words
from ovseg_jax.typing import Text
from ovseg_jax.vocabulary.classes import ClassList, parse_vocabulary, seen_mask
from ovseg_jax.vocabulary.prompts import templates as find_templates
from ovseg_jax.vocabulary.text_bank import TextCache, build_text, default_directory


class Segmenter:
    """Classifies masks of photos by words, and paints the answer.

    Attributes:
        parts: The model.
        words: The vocabulary in use; None before `set_vocabulary`.
        engine: The model's compiled computations.
    """

    def __init__(self, parts: ModelParts, cache_directory: Path | None = None):
        """Compiles nothing yet.

        Args:
            parts: The model.
            cache_directory: Where embeddings of words are kept; None for the user's cache.
        """
        self.parts = parts
        self.words: Words | None = None
        self.engine = Engine(parts)
        self._text: Text | None = None
        self._cache = None
        if parts.weights_key:
            self._cache = TextCache(cache_directory or default_directory(), parts.weights_key)

    # ---- words ---------------------------------------------------------------------------

    def set_vocabulary(
        self,
        classes: ClassList | str,
        background: ClassList | str | None = None,
        *,
        templates: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> Words:
        """Chooses the words; embeddings come from the cache where they can.

        Args:
            classes: A class list, or words: `;` parts classes, `,` parts synonyms.
            background: Words that compete but leave pixels unlabelled; "none" for no such words;
                None for the default of `ovseg_jax.inference.words`.
            templates: Name of a prompt set; empty for the model's own.
            progress: Called with (texts embedded, texts in all).

        Raises:
            ovseg_jax.vocabulary.classes.VocabularyError: The words cannot be read.
        """
        wanted = not (isinstance(background, str) and background.strip().lower() in ("", "none"))
        words = choose_words(
            _as_classes(classes, "vocabulary"),
            _as_classes(background, "background") if wanted and background is not None else None,
            self.parts.train_classes,
            wanted=wanted,
            templates=templates or self.parts.templates,
        )
        self._text = self.embed(words.all, words.templates, progress)
        self.words = words
        return words

    def embed(
        self,
        classes: ClassList,
        templates: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> Text:
        """Embeds a vocabulary, through the cache, without making it the one in use."""
        train = self.parts.train_classes
        return build_text(
            classes,
            find_templates(templates or self.parts.templates),
            self.engine.embed,
            self.parts.tokenizer,
            seen=None if train is None else seen_mask(classes, train),
            cache=self._cache,
            progress=progress,
        )

    # ---- images --------------------------------------------------------------------------

    def encode(self, image: UInt8[np.ndarray, "H W 3"] | EncodedImage) -> EncodedImage:
        """Runs the image tower; the result may stand for the image in every other call."""
        return image if isinstance(image, EncodedImage) else self.engine.encode(image)

    def classify(
        self,
        image: UInt8[np.ndarray, "H W 3"] | EncodedImage,
        masks: Bool[np.ndarray, "q _H _W"],
        *,
        with_maps: bool = False,
    ) -> Classification:
        """Names each mask.

        Args:
            image: RGB pixels, or what `encode` returned.
            masks: Hard masks at the photo's size; none, empty and full ones are all right.
            with_maps: Also return the activation maps of methods that have them.

        Raises:
            SegmenterError: No vocabulary yet, masks of another size, or no maps to return.
        """
        words = self._checked_words()
        encoded = self.encode(image)
        _check_masks(masks, encoded.size)
        probabilities, maps = self.engine.score(encoded, masks, self._text, with_maps)
        if with_maps and len(masks) and maps is None:
            kind = type(self.parts.method).__name__
            raise SegmenterError(f"{kind} has no activation maps; --save-maps needs Mask-Adapter")
        slots = len(words.all)
        return Classification(
            words=words,
            probabilities=np.concatenate(
                [probabilities[:, :slots], probabilities[:, -1:]], axis=-1
            ),
            areas=masks.sum((1, 2)),
            maps=maps,
            extent=encoded.extent,
        )

    def segment(
        self,
        image: UInt8[np.ndarray, "H W 3"] | EncodedImage,
        masks: Bool[np.ndarray, "q _H _W"],
        task: Task = "semantic",
        *,
        min_score: float | None = None,
        with_maps: bool = False,
    ) -> Segmentation:
        """Names each mask and paints the answer at the photo's size, exactly along the masks.

        Args:
            image: RGB pixels, or what `encode` returned.
            masks: Hard masks at the photo's size; they may overlap.
            task: "semantic": each pixel takes the class with the largest sum of probability over
                its masks. "panoptic": the most certain mask owns the pixel. "instance": the best
                pairs of mask and class.
            min_score: Pixels and segments below it stay unlabelled; None for the model's own.
            with_maps: Also keep activation maps.

        Raises:
            SegmenterError: As for `classify`; or no such task; or instances of stuff only.
        """
        settings = Settings.of(self.parts.inference, task, min_score)
        words = self._checked_words()
        things = words.things(self.parts.train_classes)
        if task == "instance" and not things[: len(words.classes)].any():
            raise SegmenterError(
                "task instance: all words of the vocabulary are stuff; use semantic or panoptic"
            )
        encoded = self.encode(image)
        found = self.classify(encoded, masks, with_maps=with_maps)
        return Segmentation(
            prediction=predict(found, masks, things, settings),
            pixels=encoded.pixels,
            masks=masks,
            classification=found,
            is_thing=things,
            settings=settings,
            model=self.parts.name,
        )

    # ---- inner parts ---------------------------------------------------------------------

    def _checked_words(self) -> Words:
        if self.words is None:
            raise SegmenterError("no vocabulary yet; call set_vocabulary('cat, kitten; sofa')")
        return self.words


def _as_classes(words: ClassList | str, name: str) -> ClassList:
    return words if isinstance(words, ClassList) else parse_vocabulary(words, name=name)


def _check_masks(masks: np.ndarray, size: tuple[int, int]) -> None:
    if masks.dtype != bool or masks.ndim != 3:
        raise SegmenterError(
            f"masks are {masks.dtype} of shape {masks.shape}; expected booleans [masks, H, W]"
        )
    if masks.shape[1:] != size:
        found, wanted = (f"{s[1]} x {s[0]}" for s in (masks.shape[1:], size))
        raise SegmenterError(
            f"masks are {found} pixels and the photo, upright, is {wanted}; give masks of the "
            "photo's own size"
        )
