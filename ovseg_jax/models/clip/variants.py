"""From the name of a CLIP model to its towers and its tokenizer."""

from __future__ import annotations

import difflib

from jax.typing import DTypeLike

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.rows import ROWS as VARIANTS
from ovseg_jax.models.clip.rows import Variant
from ovseg_jax.models.clip.sentencepiece import SentencePieceTokenizer
from ovseg_jax.models.clip.tokenizer import BpeTokenizer, HashTokenizer

__all__ = ["VARIANTS", "Variant", "build_clip", "build_tokenizer", "variant"]

Tokenizer = BpeTokenizer | HashTokenizer | SentencePieceTokenizer


def variant(name: str) -> Variant:
    """Returns the row of a model.

    Raises:
        ModelError: There is no such row; the message names the nearest and lists all.
    """
    if name in VARIANTS:
        return VARIANTS[name]
    near = difflib.get_close_matches(name, VARIANTS, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ModelError(f"no CLIP variant {name!r}.{hint} Known: {', '.join(VARIANTS)}")


def build_clip(name: str, dtype: DTypeLike = "float32", position_resize: str = "") -> Clip:
    """Builds the two towers of a variant.

    Args:
        name: A key of `VARIANTS`.
        dtype: Compute type of activations; parameters stay float32.
        position_resize: A key of `ops.attention.positions.WAYS` in place of the tower's own.

    Raises:
        ModelError: There is no such row, or its image tower has no positions to resize.
    """
    row = variant(name)
    visual = row.visual.clone(dtype=dtype)
    if position_resize:
        if not hasattr(visual, "position_resize"):
            raise ModelError(f"{name} has no position embedding; leave position_resize empty")
        visual = visual.clone(position_resize=position_resize)
    return Clip(
        visual=visual,
        text=row.text.clone(dtype=dtype),
        pixel_mean=row.pixel_mean,
        pixel_std=row.pixel_std,
        has_bias=row.sigmoid,
        max_temperature=None if row.sigmoid else 100.0,
    )


def build_tokenizer(name: str, file: str = "") -> Tokenizer:
    """Builds the tokenizer of a variant.

    Args:
        name: A key of `VARIANTS`.
        file: SentencePiece model, for the variants that need one.

    Raises:
        ModelError: The variant needs a file and none was given, or it cannot be read.
    """
    row = variant(name)
    if row.tokenizer == "hash":
        return HashTokenizer(row.text.vocab_size, row.text.context_length)
    if row.tokenizer == "bpe":
        return BpeTokenizer(row.text.context_length)
    if not file:
        raise ModelError(
            f"{name} reads text by a SentencePiece model that does not come with its weights: "
            "convert with --tokenizer FILE, or set clip.tokenizer_file"
        )
    return SentencePieceTokenizer(file, row.text.context_length, row.tokenizer)
