"""Ids against open_clip's on texts that nobody would write: mixed scripts, emoji, control codes."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from ovseg_jax.models.clip.tokenizer import BpeTokenizer

pytest.importorskip("torch")
pytest.importorskip("parity")
open_clip = pytest.importorskip("open_clip")

RANGES = (
    *((0x20, 0x7E), (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0x9F), (0xA0, 0x17F), (0x300, 0x36F)),
    *((0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F)),
    *((0xE00, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2100, 0x218F), (0x3040, 0x30FF)),
    *((0x4E00, 0x4FFF), (0xAC00, 0xAD00), (0xFB00, 0xFB4F), (0xFE00, 0xFE0F), (0xFF00, 0xFFEF)),
    *((0x1D400, 0x1D4FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF)),
)
PIECES = (
    *("&amp;", "&lt;", "&amp;amp;", "&#39;", "&eacute;", "&nbsp;", "&", "it's", "they'LL", "'S"),
    *("<start_of_text>", "<end_of_text>", "<|endoftext|>", "\u200d", "\ufeff", "\r\n", "\t", "…"),
    *("“quoted”", "â€œ", "Ã©", "İ", "ß", "ﬁ", "①", "½", "Ⅷ", "\u3000", "e\u0301", "👩\u200d👧"),
    *("\ud800", "\udcff", "\ud83d\ude00"),  # halves of pairs, as undecodable bytes become
)


def draw(rng: random.Random) -> str:
    """Draws a text of up to some hundred characters, now and then a very long one."""
    parts = []
    for _ in range(rng.choice((0, 1, 2, 4, 8, 16, 200))):
        if rng.random() < 0.25:
            parts.append(rng.choice(PIECES))
        else:
            low, high = rng.choice(RANGES)
            parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8))))
        if rng.random() < 0.4:
            parts.append(rng.choice((" ", "  ", "\n", ", ")))
    return "".join(parts)


def test_ten_thousand_random_texts_get_the_ids_of_open_clip():
    rng = random.Random(0)
    texts = [draw(rng) for _ in range(10_000)]
    expected, found = open_clip.tokenize(texts).numpy(), BpeTokenizer()(texts)
    wrong = np.flatnonzero((expected != found).any(1))
    assert not len(wrong), [(texts[i], expected[i][:20], found[i][:20]) for i in wrong[:3]]


def test_what_ignoring_the_case_does_to_signs_behind_an_apostrophe():
    """A long s ends a word like an s; no random text above comes upon it."""
    signs = [chr(code) for code in range(0x530)]
    texts = [f"it'{sign} y'l{sign} 1{sign}b" for sign in signs]
    expected, found = open_clip.tokenize(texts).numpy(), BpeTokenizer()(texts)
    wrong = np.flatnonzero((expected != found).any(1))
    assert not len(wrong), [ascii(signs[i]) for i in wrong]


def test_the_ids_stored_for_tests_without_pytorch_are_those_of_open_clip():
    stored = json.loads(Path(__file__).with_name("tokenizer_ids.json").read_text())
    ids = open_clip.tokenize([text for text, _ in stored]).numpy()
    assert [row[: len(kept)].tolist() for row, (_, kept) in zip(ids, stored, strict=True)] == [
        kept for _, kept in stored
    ]
