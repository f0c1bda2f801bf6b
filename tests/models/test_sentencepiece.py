"""SigLIP's tokenizers on a tiny SentencePiece model made here."""

import dataclasses
import sys

import numpy as np
import pytest

from ovseg_jax.config import ClipConfig, MaskPoolingConfig, ModelConfig
from ovseg_jax.loading import build
from ovseg_jax.loading.weights import load_weights, save_weights
from ovseg_jax.models.clip.sentencepiece import SentencePieceTokenizer

sentencepiece = pytest.importorskip("sentencepiece")

WORDS = "a photo of the cat dog sofa couch traffic light hello, world! don't stop 1 2 3 it's fine"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "text.txt").write_text("\n".join(WORDS.split() * 20))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "tiny"),
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return folder / "tiny.model"


def test_texts_end_and_are_filled_with_the_end(file):
    tokenizer = SentencePieceTokenizer(file, context_length=12)
    ids = tokenizer(["a cat", "", "cat " * 50])
    plain = sentencepiece.SentencePieceProcessor(model_file=str(file)).encode("a cat")
    assert ids[0].tolist() == [*plain, *[1] * (12 - len(plain))]
    assert (ids[1] == 1).all()
    assert ids[2, -1] == 1 and (ids[2, :-1] != 1).all()
    assert not tokenizer.trims and tokenizer.vocab_size >= ids.max()


def test_the_second_generation_fills_with_padding_and_keeps_signs(file):
    first = SentencePieceTokenizer(file, 12)
    second = SentencePieceTokenizer(file, 12, "siglip2")
    assert first.clean("  Hello,  World! It's  ") == "hello world its"
    assert second.clean("Hello, World!") == "hello, world!"
    assert second(["a cat"])[0, -1] == 0
    assert first.key != second.key


def test_the_key_is_that_of_the_content(file, tmp_path):
    copy = tmp_path / "copy.model"
    copy.write_bytes(file.read_bytes())
    assert SentencePieceTokenizer(copy).key == SentencePieceTokenizer(file).key
    assert SentencePieceTokenizer(copy, 10).key != SentencePieceTokenizer(file).key


def test_what_is_missing_is_named(file, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="nowhere.model is not a file"):
        SentencePieceTokenizer(tmp_path / "nowhere.model")
    (tmp_path / "noise.model").write_bytes(b"\x01" * 50)
    with pytest.raises(ValueError, match="noise.model is no SentencePiece model"):
        SentencePieceTokenizer(tmp_path / "noise.model")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ImportError, match=r"ovseg-jax\[siglip\]"):
        SentencePieceTokenizer(file)


def test_the_file_travels_with_the_weights(file, tmp_path):
    config = ModelConfig(
        clip=ClipConfig(variant="siglip_b_16_256", tokenizer_file=str(file)),
        method=MaskPoolingConfig(),
    )
    save_weights(tmp_path / "w", config, {"x": np.zeros(1, np.float32)}, layout="safetensors")
    assert (tmp_path / "w" / "tokenizer.model").read_bytes() == file.read_bytes()
    (tmp_path / "w").rename(tmp_path / "moved")
    found, _ = load_weights(tmp_path / "moved", check=False)
    assert build.tokenizer(found)(["a cat"]).shape == (1, 64)
    save_weights(tmp_path / "again", found, {"x": np.zeros(1, np.float32)}, layout="safetensors")
    again, _ = load_weights(tmp_path / "again", check=False)
    assert build.tokenizer(again).key == build.tokenizer(found).key
    assert dataclasses.replace(again.clip, tokenizer_file="") == dataclasses.replace(
        config.clip, tokenizer_file=""
    )
