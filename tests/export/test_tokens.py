"""CLIP's tokenizer as a file, read by the `tokenizers` library alone."""

import numpy as np
from tokenizers import Tokenizer

from ovseg_jax.export.tokens import write_tokenizer
from ovseg_jax.models.clip.tokenizer import BpeTokenizer
from tests.export.tiny_exports import CONVNEXT, config
from tests.inference.tiny_model import CONFIG

TEXTS = [
    "a photo of a cat.",
    "  Two   Dogs\tand an ELK's café, 12 sofas!? ",
    "ティーポット and ſ's naïve 'll words",
    "word " * 100,
    "",
]


def test_the_file_gives_the_ids_of_the_package(tmp_path):
    tokenizer = BpeTokenizer()
    name = write_tokenizer(tokenizer, CONFIG, tmp_path)
    read = Tokenizer.from_file(str(tmp_path / name))
    ids = np.array([encoded.ids for encoded in read.encode_batch(TEXTS)])
    np.testing.assert_array_equal(ids, tokenizer(TEXTS))


def test_the_toys_tokenizer_has_no_file(tmp_path):
    assert write_tokenizer(object(), config(CONFIG.method, CONVNEXT), tmp_path) is None
    assert not any(tmp_path.iterdir())
