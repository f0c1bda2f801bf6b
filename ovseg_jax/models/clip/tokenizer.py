"""Texts to token ids: CLIP's byte-pair encoding, and a hash of words for toy towers."""

from __future__ import annotations

import gzip
import html
import re
import zlib
from collections.abc import Sequence
from importlib import resources

import numpy as np
from jaxtyping import Int
from tokenizers import Regex, models, pre_tokenizers
from tokenizers import Tokenizer as FastTokenizer

_START, _END = "<start_of_text>", "<end_of_text>"
_NUM_MERGES = 49152 - 256 - 2
_WORDS = r"'[sſ]|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}\x{345}]+"
"""Case is ignored in the original: a long s (U+017F) ends a word like an s, and the iota below
(U+0345) belongs to no class and is dropped."""


class BpeTokenizer:
    """CLIP's lower-cased byte-pair encoding; the ids equal those of open_clip.

    Attributes:
        context_length: Ids per text; longer texts are cut and still end with end-of-text.
        room: Ids of a text that fit between start and end.
        vocab_size: 49408: bytes, bytes at word ends, merges, start and end of text.
        key: What identifies the encoding in caches.
        trims: True: the text tower is causal, so padding may be cut off.
        encoder: Cleaned texts to ids, without start and end.
        marks: How start and end are written.
    """

    trims = True
    marks = (_START, _END)

    def __init__(self, context_length: int = 77):
        self.context_length, self.room = context_length, context_length - 2
        merges = _read_merges()
        symbols = list(_byte_symbols().values())
        pieces = [*symbols, *(f"{s}</w>" for s in symbols), *("".join(m) for m in merges)]
        vocabulary = {piece: index for index, piece in enumerate([*pieces, _START, _END])}
        self.vocab_size = len(vocabulary)
        self.key = f"clip_bpe:{context_length}"
        self._start, self._end = vocabulary[_START], vocabulary[_END]
        self.encoder = _fast_tokenizer(vocabulary, merges)
        self._marks = {_START: self._start, _END: self._end}
        self._split = _splitter(f"{_START}|{_END}|{_WORDS}")

    def __call__(self, texts: Sequence[str]) -> Int[np.ndarray, "r l"]:
        """Returns the ids of each text, zero-padded to the context length."""
        return _frame(self.ids(texts), self._start, self._end, self.context_length)

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text in full, without start and end."""
        cleaned = [clean(text) for text in texts]
        rows = [encoded.ids for encoded in self.encoder.encode_batch(cleaned)]
        for index, text in enumerate(cleaned):
            if _START in text or _END in text:
                rows[index] = self._with_marks(text)
        return rows

    def _with_marks(self, text: str) -> list[int]:
        """Encodes a text that spells out start or end of text.

        The original reads such a mark as one where a word may begin, but not behind other signs.
        """
        words = (word for word, _ in self._split.pre_tokenize_str(text))
        marked = (
            [self._marks[w]] if w in self._marks else self.encoder.encode(w).ids for w in words
        )
        return [identifier for ids in marked for identifier in ids]


class HashTokenizer:
    """Gives every word an id by a salted checksum: no vocabulary file, no unknown word.

    Two words may share an id; the default salt keeps all words of the toy world, of the 80 COCO
    things and of the prompt templates apart at the default size.

    Attributes:
        context_length: Ids per text; longer texts are cut and still end with end-of-text.
        room: Ids of a text that fit between start and end.
        vocab_size: Number of ids: 0 pads, the last two start and end texts.
        key: What identifies the encoding in caches.
        trims: True: the text tower is causal, so padding may be cut off.
    """

    trims = True

    def __init__(self, vocab_size: int = 4096, context_length: int = 32, salt: str = "2530:"):
        self.vocab_size = vocab_size
        self.context_length, self.room = context_length, context_length - 2
        self.key = f"hash:{vocab_size}:{context_length}:{salt}"
        self._salt = zlib.crc32(salt.encode())

    def __call__(self, texts: Sequence[str]) -> Int[np.ndarray, "r l"]:
        """Returns the ids of each text, zero-padded to the context length."""
        return _frame(
            self.ids(texts), self.vocab_size - 2, self.vocab_size - 1, self.context_length
        )

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text in full, without start and end."""
        return [[self.word_id(word) for word in self.words(text)] for text in texts]

    def words(self, text: str) -> list[str]:
        """Returns the lower-case words of a text; what is between them is dropped."""
        return re.findall(r"\w+", clean(text))

    def word_id(self, word: str) -> int:
        """Returns the id of one lower-case word."""
        return 1 + zlib.crc32(word.encode(), self._salt) % (self.vocab_size - 3)


def clean(text: str) -> str:
    """Repairs broken Unicode and HTML entities, joins white space, lowers the case."""
    import ftfy  # late: models that never meet a text do not need it

    repaired = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(repaired.split()).lower()


def _frame(rows: Sequence[list[int]], start: int, end: int, length: int) -> np.ndarray:
    framed = np.zeros((len(rows), length), np.int32)
    for target, row in zip(framed, rows, strict=True):
        ids = [start, *row[: length - 2], end]
        target[: len(ids)] = ids
    return framed


def _fast_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> FastTokenizer:
    bpe = models.BPE(
        vocab=vocabulary, merges=merges, end_of_word_suffix="</w>", continuing_subword_prefix=""
    )
    encoder = FastTokenizer(bpe)
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    encoder.pre_tokenizer = pre_tokenizers.Sequence([_splitter(_WORDS), as_bytes])
    return encoder


def _splitter(pattern: str) -> pre_tokenizers.Split:
    """Returns what keeps the matches of a pattern and drops the rest."""
    return pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)


def _read_merges() -> list[tuple[str, str]]:
    packed = resources.files("ovseg_jax") / "assets" / "clip" / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(packed.read_bytes()).decode("utf-8").split("\n")
    pairs = (line.split() for line in lines[1 : _NUM_MERGES + 1])
    return [(left, right) for left, right in pairs]


def _byte_symbols() -> dict[int, str]:
    """Returns a visible character per byte, in the order that fixes the first 256 ids.

    Printable Latin-1 characters stand for themselves and come first; the other bytes follow as
    characters from 256 on.
    """
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
    rest = [byte for byte in range(256) if byte not in own]
    symbols = {byte: chr(byte) for byte in own}
    return symbols | {byte: chr(256 + index) for index, byte in enumerate(rest)}
