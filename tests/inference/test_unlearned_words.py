"""Words that the shipped towers never met are warned of; all that their captions hold are known."""

import warnings

import numpy as np
import pytest

from data.toy_world.captions import caption_words
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inference.unlearned_words import learned_rows, warn_of_unlearned
from ovseg_jax.loading.opening import open_model
from ovseg_jax.models.clip.tokenizer import HashTokenizer
from ovseg_jax.vocabulary.classes import parse_vocabulary
from tests.inference.tiny_model import opened

SIX = {"six"}
"""Captions may count so far, and in no training scene did one come to so many things of a class."""
SHIPPED = "ovseg_jax/assets/toy/clip_vit_seed0", "toy"


@pytest.fixture(scope="module", params=SHIPPED)
def model(request):
    return open_model(request.param)


def test_names_with_words_that_no_caption_held_are_warned_of(model):
    with pytest.warns(OvsegWarning, match="never learned the words of 'castle', 'red unicorn';"):
        warn_of_unlearned(parse_vocabulary("castle; fish; boat, ship; red unicorn"), model)


def test_words_of_the_captions_are_known(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        warn_of_unlearned(parse_vocabulary("; ".join(set(caption_words()) - SIX)), model)


def test_rows_that_training_moved_are_those_of_the_captions(model):
    """And of the marks of start and end."""
    tokenizer, table = HashTokenizer(), model.params["clip"]["text"]["token_embedding"]
    read = {tokenizer.word_id(word) for word in set(caption_words()) - SIX}
    marks = {tokenizer.vocab_size - 2, tokenizer.vocab_size - 1}
    learned = set(np.flatnonzero(learned_rows(np.asarray(table, np.float32))).tolist())
    assert learned - marks == read


def test_towers_without_training_are_not_asked():
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        warn_of_unlearned(parse_vocabulary("castle; fish"), opened())
