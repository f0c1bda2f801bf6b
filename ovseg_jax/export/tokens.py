"""CLIP's tokenizer as a file of the `tokenizers` library, which many languages read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Regex as Pattern
from tokenizers import Tokenizer, normalizers, processors

from ovseg_jax.config import ModelConfig
from ovseg_jax.models.clip.tokenizer import BpeTokenizer

TOKENIZER_JSON = "tokenizer.json"


def write_tokenizer(tokenizer: Any, config: ModelConfig, folder: Path) -> str | None:
    """Writes what turns texts into token ids, where a file can say it.

    Args:
        tokenizer: The model's; None for a model without words.
        config: The model as stored: names SigLIP's file, which lies in the folder then.
        folder: Where to.

    Returns:
        The file's name; None for the toy's tokenizer, a checksum of words that
        `ovseg_jax.models.clip.tokenizer.HashTokenizer` describes.
    """
    if isinstance(tokenizer, BpeTokenizer):
        (folder / TOKENIZER_JSON).write_text(clip_tokenizer(tokenizer).to_str())
        return TOKENIZER_JSON
    return config.clip.tokenizer_file or None


def clip_tokenizer(tokenizer: BpeTokenizer) -> Tokenizer:
    """Returns CLIP's encoding from raw text to padded ids.

    Only the repair of broken Unicode and of HTML entities is not in it: texts with such go through
    `ftfy.fix_text` and `html.unescape` before.
    """
    whole = Tokenizer.from_str(tokenizer.encoder.to_str())
    whole.normalizer = normalizers.Sequence(
        [normalizers.Replace(Pattern(r"\s+"), " "), normalizers.Strip(), normalizers.Lowercase()]
    )
    start, end = tokenizer.marks
    marks = [(mark, whole.token_to_id(mark)) for mark in (start, end)]
    whole.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=marks
    )
    whole.enable_truncation(tokenizer.context_length)
    whole.enable_padding(length=tokenizer.context_length, pad_id=0, pad_token="!")
    return whole
