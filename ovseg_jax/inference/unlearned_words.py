"""Words that a model with a hash of words never learned: it would name masks by them all the same.

A byte-pair encoding spells any word in pieces that training has met. A hash has nothing but whole
words, and the embedding of one that no caption held is as it was drawn before training; or it is
that of another word, since words may share an id.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from ovseg_jax.foundation.errors import first_few, warn
from ovseg_jax.inference.model import Model
from ovseg_jax.models.clip.text import TOKEN_DEVIATION
from ovseg_jax.models.clip.tokenizer import HashTokenizer
from ovseg_jax.vocabulary.class_list import ClassList
from ovseg_jax.vocabulary.preset_lists import load_preset

TOY_NAMES = "toy_world48"
"""What the shipped towers with a hash of words learned to name."""
_MOVED = 2.0
"""A row more than this many times as long as drawn ones are expected to be was moved by training.
In the shipped models rows that no caption met are 0.7 to 1.3 times as long, learned ones 4 and
more."""


def warn_of_unlearned(classes: ClassList, model: Model) -> None:
    """Warns of names that hold a word which the model's training never met.

    Towers that spell words in pieces are not asked, nor are towers whose words were never trained:
    there is nothing to tell learned words from. A word that shares its id with a plural or with a
    word beside names ("two", "red") passes for learned: nothing says which of the two was read.

    Args:
        classes: The words that are asked for.
        model: The model, with its parameters.
    """
    if not isinstance(model.tokenizer, HashTokenizer):
        return
    learned = learned_rows(np.asarray(model.params["clip"]["text"]["token_embedding"], np.float32))
    if not learned.any():
        return
    owners = owned_rows(load_preset(TOY_NAMES), model.tokenizer)
    unlearned = [
        repr(name)
        for name in classes.synonym_rows[0]
        if not all(
            learned[row] and owners.get(row, word) == word
            for word, row in _words(name, model.tokenizer)
        )
    ]
    if unlearned:
        own = model.config.train_vocabulary
        known = f"; some that it did learn: --vocab-preset {own}" if own else ""
        warn(
            f"{model.name} never learned the words of {first_few(unlearned)}; what it calls so is "
            f"a guess{known}"
        )


def learned_rows(table: Float[np.ndarray, "v d"]) -> Bool[np.ndarray, " v"]:
    """Says which token embeddings are longer than those that were drawn before training."""
    drawn = TOKEN_DEVIATION * table.shape[1] ** 0.5
    return np.linalg.norm(table, axis=1) > _MOVED * drawn


def owned_rows(classes: ClassList, tokenizer: HashTokenizer) -> dict[int, str]:
    """Returns which word of a list's names each token embedding belongs to."""
    return {row: word for name in classes.synonym_rows[0] for word, row in _words(name, tokenizer)}


def _words(name: str, tokenizer: HashTokenizer) -> list[tuple[str, int]]:
    return [(word, tokenizer.word_id(word)) for word in tokenizer.words(name)]
