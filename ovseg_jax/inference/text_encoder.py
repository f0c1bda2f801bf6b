"""Words for a model: chosen, checked, and embedded by its text tower through a cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ovseg_jax.foundation.typing import Text
from ovseg_jax.inference.model import Model
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.unlearned_words import warn_of_unlearned
from ovseg_jax.inference.words import Words, choose_words
from ovseg_jax.vocabulary.classes import ClassList, read_words, seen_mask
from ovseg_jax.vocabulary.given_words import AnyWords
from ovseg_jax.vocabulary.prompts import templates as find_templates
from ovseg_jax.vocabulary.text_bank import TextCache, build_text, default_directory
from ovseg_jax.vocabulary.token_check import check_tokens

Tower = Callable[[Int[np.ndarray, "r l"]], Float[np.ndarray, "r d"]]
Progress = Callable[[int, int], None]


class TextEncoder:
    """Embeds vocabularies with the text tower of a model.

    Attributes:
        model: The model.
    """

    def __init__(self, model: Model, tower: Tower, cache_directory: Path | None = None):
        """Embeds nothing yet.

        Args:
            model: The model.
            tower: Its text tower, compiled: token ids to embeddings of any length.
            cache_directory: Where embeddings of words are kept; None for the user's cache. A model
                without `weights_key` has no cache.
        """
        self.model, self._tower = model, tower
        self._cache = None
        if model.weights_key:
            self._cache = TextCache(cache_directory or default_directory(), model.weights_key)

    def choose(
        self, classes: AnyWords | None, background: AnyWords | None, templates: str = ""
    ) -> Words:
        """Reads the words of one vocabulary; see `Segmenter.set_vocabulary`.

        Raises:
            ovseg_jax.vocabulary.classes.VocabularyError: The words cannot be read, or two classes
                are the same to the model's tokenizer.
            SegmenterError: The model names no list of its own, or knows no other.
        """
        if classes is None or self.model.is_closed:
            classes, background = self._own_classes(classes), "none"
        wanted = not (isinstance(background, str) and background.strip().lower() in ("", "none"))
        words = choose_words(
            read_words(classes, "vocabulary"),
            read_words(background, "background") if wanted and background is not None else None,
            self.model.train_classes,
            wanted=wanted,
            templates=templates or self.model.templates,
        )
        self.check(words.classes, words.templates)
        return words

    def check(self, classes: ClassList, templates: str = "") -> None:
        """Refuses what the tokenizer cannot tell apart; warns of names cut short or never learned.

        Raises:
            ovseg_jax.vocabulary.classes.VocabularyError: Two classes are the same to the tokenizer.
        """
        prompts = find_templates(templates or self.model.templates)
        check_tokens(classes, prompts, None if self.model.is_closed else self.model.tokenizer)
        warn_of_unlearned(classes, self.model)

    def embed(
        self,
        classes: ClassList,
        templates: str = "",
        *,
        keep_tokens: bool = False,
        progress: Progress | None = None,
    ) -> Text:
        """Embeds a vocabulary, through the cache where there is one.

        Args:
            classes: The words, checked.
            templates: Name of a prompt set; empty for the model's own.
            keep_tokens: Keep token ids, for methods that train the text tower.
            progress: Called with (texts embedded, texts in all).
        """
        if self.model.is_closed:
            return unembedded(len(classes))
        train = self.model.train_classes
        return build_text(
            [entry.synonyms for entry in classes.classes],
            find_templates(templates or self.model.templates),
            self._tower,
            self.model.tokenizer,
            seen=None if train is None else seen_mask(classes, train),
            cache=self._cache,
            keep_tokens=keep_tokens,
            progress=progress,
        )

    def _own_classes(self, asked: AnyWords | None) -> ClassList:
        """The list that the model was trained on, if that is what was asked for."""
        own = self.model.train_classes
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
    everything = jnp.asarray(np.ones(count, bool))
    return Text(  # from NumPy: JAX would compile a program for each of these
        embeddings=jnp.asarray(np.zeros((count, 1, 1), np.float32)),
        classes=jnp.asarray(np.arange(count, dtype=np.int32)),
        valid=everything,
        seen=everything,
    )
