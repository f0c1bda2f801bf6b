"""A model with a vocabulary: what a segmenter is before it sees a photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ovseg_jax.inference.engine import Engine, ModelParts
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.words import Words, choose_words
from ovseg_jax.typing import Text
from ovseg_jax.vocabulary.classes import ClassList, read_words, seen_mask
from ovseg_jax.vocabulary.given_words import AnyWords
from ovseg_jax.vocabulary.prompts import templates as find_templates
from ovseg_jax.vocabulary.text_bank import TextCache, build_text, default_directory
from ovseg_jax.vocabulary.token_check import check_tokens


class NamedModel:
    """Holds a model and the words in use, embedded through the cache.

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

    @property
    def is_closed(self) -> bool:
        """Whether the model knows a fixed list of classes only, and no words."""
        return self.parts.method.clip is None

    def set_vocabulary(
        self,
        classes: AnyWords | None = None,
        background: AnyWords | None = None,
        *,
        templates: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> Words:
        """Chooses the words; embeddings come from the cache where they can.

        Args:
            classes: Words in any form of `ovseg_jax.vocabulary.classes.read_words`: text, in which
                `;` parts classes and `,` parts synonyms, a list, a dict, a `ClassList`; None for
                the list that the model was trained on, which is the only one that a model without
                words knows.
            background: Words that compete but leave pixels unlabelled, in the same forms; "none"
                for no such words; None for the default of `ovseg_jax.inference.words`.
            templates: Name of a prompt set; empty for the model's own.
            progress: Called with (texts embedded, texts in all).

        Raises:
            ovseg_jax.vocabulary.classes.VocabularyError: The words cannot be read, or two classes
                are the same to the model's tokenizer.
            SegmenterError: The model names no list of its own, or knows no other.
        """
        if classes is None or self.is_closed:
            classes, background = self._own_classes(classes), "none"
        wanted = not (isinstance(background, str) and background.strip().lower() in ("", "none"))
        words = choose_words(
            read_words(classes, "vocabulary"),
            read_words(background, "background") if wanted and background is not None else None,
            self.parts.train_classes,
            wanted=wanted,
            templates=templates or self.parts.templates,
        )
        self._check_tokens(words.classes, words.templates)
        self._text = self._embed(words.all, words.templates, progress)
        self.words = words
        return words

    def embed(
        self,
        classes: ClassList,
        templates: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> Text:
        """Embeds a vocabulary, through the cache, without making it the one in use.

        Raises:
            ovseg_jax.vocabulary.classes.VocabularyError: Two classes are the same to the tokenizer.
        """
        self._check_tokens(classes, templates)
        return self._embed(classes, templates, progress)

    def _check_tokens(self, classes: ClassList, templates: str) -> None:
        prompts = find_templates(templates or self.parts.templates)
        check_tokens(classes, prompts, None if self.is_closed else self.parts.tokenizer)

    def _embed(
        self, classes: ClassList, templates: str, progress: Callable[[int, int], None] | None
    ) -> Text:
        if self.is_closed:
            return unembedded(len(classes))
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

    def _own_classes(self, asked: AnyWords | None) -> ClassList:
        """The list that the model was trained on, if that is what was asked for."""
        own = self.parts.train_classes
        if own is None:
            raise SegmenterError("the model names no class list of its own; give words")
        if asked is None or read_words(asked, "vocabulary").names == own.names:
            return own
        raise SegmenterError(
            f"this model knows only its own {len(own)} classes ({own.name}); leave the words out, "
            "or use it as the generator of a model with CLIP"
        )


def unembedded(count: int) -> Text:
    """A vocabulary for models that know its classes by number; nothing is padded."""
    everything = np.ones(count, bool)
    return Text(
        embeddings=np.zeros((count, 1, 1), np.float32),
        classes=np.arange(count, dtype=np.int32),
        valid=everything,
        seen=everything,
    )
