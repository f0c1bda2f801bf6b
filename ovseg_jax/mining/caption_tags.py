"""Repairs of part-of-speech tags where captions differ from the prose that taggers learn from.

Captions are noun phrases with participles, seldom whole sentences: "a kitten playing with yarn".
Each repair asks the word lists that come with the tagger (WordNet's) what a word can be at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NOUN_TAGS = ("NN", "NNS", "NNP", "NNPS")
FOLLOWS_A_VERB = ("ADP", "DET", "PRON", "ADV")


class WordLists:
    """What words can be, whatever their sentence."""

    def __init__(self, lookups: Any):
        """Reads the tables of spaCy's English lemmatizer."""
        index, exceptions = lookups.get_table("lemma_index"), lookups.get_table("lemma_exc")
        self._bases = {kind: frozenset(index[kind]) for kind in ("noun", "verb", "adj")}
        self._forms = {kind: frozenset(exceptions[kind]) for kind in self._bases}

    def can_be(self, kind: str, word: str) -> bool:
        """Whether a word, or its regular singular, is listed as "noun", "verb" or "adj"."""
        stems = (word, word.removesuffix("s"), word.removesuffix("es"))
        return word in self._forms[kind] or any(stem in self._bases[kind] for stem in stems)


def repair_tags(document: Any, lists: WordLists) -> Any:
    """Corrects the tags of one parsed caption, in place.

    * "a kitten playing": an adjective that can only be a noun is one.
    * "a snowy hill": a noun that can only be an adjective is one.
    * "a zebra drinking from": a participle between a noun and what it governs is a verb.
    """
    for token in document:
        word = token.lower_
        if token.tag_ == "JJ" and lists.can_be("noun", word) and not lists.can_be("adj", word):
            _set(token, "NNS" if lists.can_be("noun", word.removesuffix("s")) else "NN", "NOUN")
        elif is_noun(token) and lists.can_be("adj", word) and not lists.can_be("noun", word):
            _set(token, "JJ", "ADJ")
    for token in list(document)[1:]:
        if _is_participle(token) and is_noun(token.nbor(-1)) and _governs(document, token.i):
            _set(token, "VBG", "VERB")
    return document


def is_noun(token: Any) -> bool:
    """Whether a token is tagged as a noun."""
    return token.tag_ in NOUN_TAGS


def ends_in_verb(tokens: Sequence[Any], start: int, end: int, lists: WordLists) -> bool:
    """Whether the last word of a seeming compound is the verb of what stands before it.

    "A steam train travels": after "a" no plural can follow. "Fans in the stadium watch a match":
    no noun is followed by an article.

    Args:
        tokens: The caption.
        start: First token of the compound.
        end: Its last token.
        lists: What words can be.
    """
    last = tokens[end]
    if not lists.can_be("verb", last.lower_):
        return False
    if last.tag_ in ("NNS", "NNPS") and _has_singular_article(tokens, start):
        return True
    return end + 1 < len(tokens) and tokens[end + 1].tag_ in ("DT", "PRP$")


def _has_singular_article(tokens: Sequence[Any], start: int) -> bool:
    """Whether "a" or "an" stands before a noun, adjectives between them aside."""
    place = start - 1
    while place > 0 and tokens[place].pos_ == "ADJ":
        place -= 1
    return place >= 0 and tokens[place].lower_ in ("a", "an")


def _is_participle(token: Any) -> bool:
    return token.tag_ == "NN" and token.lower_.endswith("ing") and len(token) > 4


def _governs(document: Any, place: int) -> bool:
    return place + 1 < len(document) and document[place + 1].pos_ in FOLLOWS_A_VERB


def _set(token: Any, tag: str, part: str) -> None:
    token.tag_, token.pos_ = tag, part
    token.set_morph("")  # an adjective's would tell the lemmatizer that "geese" is a base form
