"""Typed words that may have been meant otherwise: a warning that shows how to write it."""

import warnings

import pytest

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.vocabulary.classes import VocabularyError, parse_vocabulary
from ovseg_jax.vocabulary.hints import describe


def test_synonyms_without_a_semicolon_are_doubted():
    with pytest.warns(OvsegWarning) as caught:
        parse_vocabulary("person, car, dog", name="--vocab")
    (warning,) = caught
    assert str(warning.message) == (
        "--vocab: 1 class: person (also car, dog); for 3 classes write 'person; car; dog', and "
        "for this one class end it with ';'"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("person. car. dog", "person . car . dog .", "person.car.dog", "person. car. dog."),
        *("person | car | dog", "person/car/dog", "person\tcar\tdog", r"person\ncar\ndog"),
        *("person\N{IDEOGRAPHIC COMMA}car\N{FULLWIDTH COMMA}dog",),
    ],
)
def test_other_ways_to_part_words_are_answered_with_ours(text):
    with pytest.warns(OvsegWarning, match="is one name; for 3 classes write 'person; car; dog'"):
        assert len(parse_vocabulary(text)) == 1


def test_signs_that_are_in_no_name_are_doubted_among_classes_too():
    with pytest.warns(OvsegWarning, match="'a . b' is one name; for 2 classes write 'a; b'"):
        parse_vocabulary("c; a | b")


@pytest.mark.parametrize(
    "text",
    [
        *("cat", "cat; dog", "cat, kitten;", "cat, kitten; dog", "cat\ndog", "St. Bernard"),
        *("a photo of a cat.", "U.S. flag", "3.5 inch disk", "TV/monitor; cat", "red [car]"),
        *("wiper (for windshield/screen)", "traffic light"),
    ],
)
def test_good_words_are_not_nagged_at(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        parse_vocabulary(text)


@pytest.mark.parametrize(
    "text",
    ['["cat", "dog"]', "['cat', 'dog']", '{"0": "cat"}', "names: [cat, dog]", "- cat\n- dog"],
)
def test_documents_in_the_place_of_words_are_refused(text):
    with pytest.raises(VocabularyError, match="looks like JSON, YAML or code"):
        parse_vocabulary(text)


def test_files_in_the_place_of_words_are_refused(tmp_path):
    (tmp_path / "classes").write_text("cat")
    for text in ("names.txt", str(tmp_path / "classes")):
        with pytest.raises(VocabularyError, match="is a file, not a word; .* --vocab-file"):
            parse_vocabulary(text)
    assert parse_vocabulary("and/or; no/such/file").names == ("and/or", "no/such/file")


def test_the_name_of_a_preset_is_doubted():
    with pytest.warns(OvsegWarning, match="--vocab-preset ade150"):
        parse_vocabulary("ade150")


def test_what_was_understood_fits_on_a_line():
    many = parse_vocabulary("; ".join(f"thing {n}" for n in range(20)))
    assert describe(many, ["one per line"]).startswith("20 classes (one per line): thing 0; thing")
    assert describe(many).endswith("thing 7; ... 12 more")
    assert describe(parse_vocabulary("cat, kitten;")) == "1 class: cat, kitten"
