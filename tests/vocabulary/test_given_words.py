"""Words as Python programs have them."""

import numpy as np
import pytest

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.vocabulary.classes import VocabularyError, load_preset, parse_vocabulary, read_words

PLAIN = [("cat", "kitten"), ("dog",)]


@pytest.mark.parametrize(
    "words",
    [
        "cat, kitten; dog",
        np.str_("cat, kitten; dog"),
        ["cat, kitten", "dog"],
        ("cat, kitten", "dog"),
        [["cat", "kitten"], ["dog"]],
        [("cat", "kitten"), "dog"],
        [np.array(["cat", "kitten"]), np.str_("dog")],
        np.array(["cat, kitten", "dog"]),
        np.array([["cat", "kitten"], ["dog", "dog"]]),
        {"cat": ["kitten"], "dog": []},
        {"cat": "kitten", "dog": None},
        {1: "dog", 0: "cat, kitten"},
        {"0": "cat, kitten", "1": "dog"},
        {"names": ["cat, kitten", "dog"]},
        {"names": {0: "cat, kitten", 1: "dog"}, "nc": 2, "path": "data"},
        {"classes": [{"names": ["cat", "kitten"]}, {"name": "dog"}]},
        (words for words in PLAIN),
        parse_vocabulary("cat, kitten; dog"),
    ],
    ids=lambda words: type(words).__name__,  # reprs may hold addresses, which differ by process
)
def test_all_forms_mean_the_same(words):
    assert [entry.synonyms for entry in read_words(words).classes] == PLAIN


def test_a_class_list_stays_as_it_is():
    assert read_words(load_preset("ade150")) is load_preset("ade150")


def test_a_path_is_read(tmp_path):
    (tmp_path / "names.csv").write_text("id,name\n1,cat\n")
    assert read_words(tmp_path / "names.csv").names == ("cat",)


@pytest.mark.parametrize(
    "words,message",
    [
        ({"cat", "dog"}, "found set, which has no order; give text such as"),
        (b"cat; dog", "found bytes; give"),
        (3, "found int"),
        (None, "found NoneType"),
        (["cat", 3], "class 2: expected a string or a list of names, found 3"),
        ([["cat", ["dog"]]], "class 1: expected"),
        (np.arange(3), "class 1: expected"),
        (np.full((1, 1, 1), "cat"), "an array of 3 axes"),
        ({"cat": 1.5}, "class 1: expected"),
        ({1.5: "cat"}, "a dict needs names, or ids"),
        (["cat; dog"], "class 1: 'cat; dog' holds ';'"),
        (["cat", " "], "class 2: has no name"),
        (["cat", "cat"], "'cat' stands in class 1 .* and in class 2"),
        ("caf\udce9; dog", "class 1: .* is not UTF-8 text"),
        (["dog", "caf\udce9"], "class 2: .* is not UTF-8 text"),
        ([], "the vocabulary is empty"),
        ({}, "the vocabulary is empty"),
    ],
    ids=lambda words: type(words).__name__,  # reprs may hold addresses, which differ by process
)
def test_other_things_are_refused_with_what_to_give(words, message):
    with pytest.raises(VocabularyError, match=f"vocabulary: .*{message}"):
        read_words(words, "vocabulary")


def test_gaps_between_indices_are_warned_of():
    with pytest.warns(OvsegWarning, match="ids 0 to 7 have gaps"):
        assert read_words({0: "cat", 7: "dog"}).names == ("cat", "dog")
