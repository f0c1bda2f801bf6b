"""Names as tokenizers see them: equal ones are refused, cut ones are warned of."""

import warnings

import pytest

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.models.clip.tokenizer import BpeTokenizer, HashTokenizer
from ovseg_jax.vocabulary.classes import VocabularyError, load_preset, parse_vocabulary
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.token_check import check_tokens

BPE = BpeTokenizer()
LONG = "a very long description of an object " * 12


def check(text, tokenizer=BPE, prompts="vild14"):
    classes = text if hasattr(text, "classes") else parse_vocabulary(text)
    check_tokens(classes, templates(prompts), tokenizer)


@pytest.fixture
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        yield


@pytest.mark.parametrize(
    "text,tokenizer",
    [
        ("Cat; cat", BPE),
        ("sofa; fire hydrant, dog; Fire Hydrant", BPE),
        ("\N{LATIN SMALL LIGATURE FI}sh; fish", BPE),
        ("cat!; cat", HashTokenizer()),
    ],
)
def test_classes_that_differ_in_form_only_are_refused_with_both_names(text, tokenizer):
    with pytest.raises(VocabularyError, match=r"class \d\) and .*class \d\) are the same to the"):
        check(text, tokenizer)


def test_what_the_tokenizer_tells_apart_is_fine(no_warning):
    check("cat!; cat; cats")
    check("Cat, cat, CAT; dog")  # synonyms of one class may be equal


@pytest.mark.parametrize("preset", ["ade847", "lvis1203", "coco_stuff171"])
def test_presets_stay_as_they_were_published(preset, no_warning):
    check(load_preset(preset))


def test_names_longer_than_the_context_are_warned_of():
    with pytest.warns(OvsegWarning, match=r"'a very long .*' does not fit into the 77 tokens"):
        check(f"cat; {LONG}")


def test_names_that_become_equal_by_the_cut_are_warned_of():
    with pytest.warns(OvsegWarning) as caught:
        check(f"cat; {LONG} x; {LONG} y")
    cut, equal = (str(warning.message) for warning in caught)
    assert "do not fit" in cut
    assert "(class 2) and" in equal and "(class 3)" in equal and "scores are equal" in equal


def test_a_name_is_cut_by_the_longest_prompt():
    tokenizer = BpeTokenizer(context_length=12)
    name = "one two three four five six seven"  # seven tokens, and ten are free
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        check(name, tokenizer, "plain")
    with pytest.warns(OvsegWarning, match="12 tokens"):
        check(name, tokenizer, "single")


def test_names_without_tokens_have_equal_scores():
    with pytest.warns(OvsegWarning, match="scores are equal"):
        check("\N{CAT}; \N{DOG}", HashTokenizer())


def test_a_model_without_words_compares_nothing(no_warning):
    check("Cat; cat", None)


@pytest.mark.parametrize("tokenizer", [BPE, HashTokenizer()], ids=["bpe", "hash"])
def test_ids_are_what_is_framed(tokenizer):
    (ids,), (row,) = tokenizer.ids(["a photo of a cat"]), tokenizer(["a photo of a cat"])
    assert row[1 : len(ids) + 1].tolist() == ids and tokenizer.room == len(row) - 2
