"""Nouns of captions: the labelled set in two halves, rules one by one, and a missing parser."""

import builtins
import json
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("spacy")

from ovseg_jax.mining import nouns
from ovseg_jax.mining.nouns import NounExtractor, ParserError

LABELLED = json.loads(Path(__file__).with_name("captions_labelled.json").read_text())["captions"]
TUNED_ON, HELD_OUT = LABELLED[:100], LABELLED[100:]


@pytest.fixture(scope="module")
def extract():
    extractor = NounExtractor()
    return lambda caption: next(extractor([caption]))


def rates(rows):
    """Recall and precision over all nouns of some captions."""
    found = [set(nouns.kept) for nouns in NounExtractor()(row["caption"] for row in rows)]
    wanted = [set(row["nouns"]) for row in rows]
    right = sum(len(a & b) for a, b in zip(found, wanted, strict=True))
    return right / sum(map(len, wanted)), right / sum(map(len, found))


@pytest.mark.parametrize("rows", [TUNED_ON, HELD_OUT], ids=["tuned_on", "held_out"])
def test_labelled_captions(rows):
    recall, precision = rates(rows)
    print(f"recall {recall:.1%}, precision {precision:.1%}")
    assert recall >= 0.95 and precision >= 0.85


def test_the_labels_hold_what_they_should():
    labels = [noun for row in LABELLED for noun in row["nouns"]]
    assert len(LABELLED) == 200 and len({row["caption"] for row in LABELLED}) == 200
    assert sum(" " in noun for noun in labels) >= 60
    assert all(len(set(row["nouns"])) == len(row["nouns"]) for row in LABELLED)


@pytest.mark.parametrize(
    ("caption", "kept"),
    [
        ("Children with knives and skis.", ("child", "knife", "ski")),
        ("A hot dog by the traffic light.", ("hot dog", "traffic light")),
        ("Two men eat slices of pizza.", ("man", "pizza")),
        ("A couple with a couple of dogs.", ("couple", "dog")),
        ("A photo of it in front of him at the side.", ()),
        ("A man wearing glasses holds two glasses.", ("man", "glasses", "glass")),
        ("The DOG sees another dog.", ("dog",)),
        ("A tennis racket and tennis rackets", ("tennis racket",)),
        ("An old steam train travels through a valley.", ("steam train", "valley")),
        ("12 !!! ??", ()),
        ("", ()),
        ("   \n ", ()),
    ],
)
def test_rules(extract, caption, kept):
    assert extract(caption).kept == kept


def test_stopped_nouns_are_reported_and_the_list_can_be_replaced(extract):
    assert extract("A photo of a cat on top of a car").stopped == ("photo", "top")
    own = next(NounExtractor(stop_nouns=["cat"])(["A photo of a cat on a car"]))
    assert own.kept == ("car",) and own.stopped == ("photo", "cat")  # "photo of" is a measure


def test_the_parser_says_what_it_is_and_is_the_one_that_was_tested():
    parser = NounExtractor().parser
    assert parser.startswith("spacy 3.") and parser.endswith(" 34152f40dc40fd57")


def test_nothing_is_downloaded(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    assert next(NounExtractor()(["A cat."])).kept == ("cat",)


def test_without_spacy_the_error_names_the_extra(monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name == "spacy":
            raise ImportError("no spacy")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ParserError, match=r"ovseg-jax\[mine\]"):
        NounExtractor()


def test_without_weights_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(nouns, "PIPELINES", ("no_such_pipeline",))
    with pytest.raises(ParserError, match=r"no_such_pipeline.*ovseg-jax\[mine\]"):
        NounExtractor()
