"""SigLIP's tokenizers: a SentencePiece model that the user brings."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from ovseg_jax.foundation.errors import MissingPackageError, ModelError

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class SentencePieceTokenizer:
    """Texts to ids by a SentencePiece file, the last id always the end of the text.

    Attributes:
        context_length: Ids per text; longer texts are cut and still end with end-of-text.
        room: Ids of a text that fit before the end.
        vocab_size: Number of ids.
        key: What identifies the encoding in caches: a hash of the file.
        trims: False: the text tower sees padding, so it must not be cut off.
    """

    trims = False

    def __init__(
        self,
        file: Path | str,
        context_length: int = 64,
        canonical: Literal["siglip", "siglip2"] = "siglip",
    ):
        """Reads the file.

        Args:
            file: SentencePiece model: C4 English for SigLIP, Gemma's for SigLIP 2.
            context_length: Ids per text.
            canonical: SigLIP takes punctuation away, pads with end-of-text; SigLIP 2 keeps
                punctuation and pads with 0. Both lower the case.

        Raises:
            ImportError: The `sentencepiece` package is missing.
            ModelError: The file is missing or no SentencePiece model.
        """
        self._encoder = _load(file)
        self._canonical = canonical
        self.context_length, self.room = context_length, context_length - 1
        self.vocab_size = self._encoder.vocab_size()
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
        self.key = f"sentencepiece:{digest}:{context_length}:{canonical}"

    def __call__(self, texts: Sequence[str]) -> Int[np.ndarray, "r l"]:
        """Returns the ids of each text, padded to the context length."""
        end = self._encoder.eos_id()
        fill = end if self._canonical == "siglip" else max(self._encoder.pad_id(), 0)
        framed = np.full((len(texts), self.context_length), fill, np.int32)
        for target, row in zip(framed, self.ids(texts), strict=True):
            ids = [*row[: self.room], end]
            target[: len(ids)] = ids
        return framed

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text in full, without the end."""
        return [self._encoder.encode(self.clean(text)) for text in texts]

    def clean(self, text: str) -> str:
        """Lowers the case; for SigLIP also drops ASCII punctuation and joins white space."""
        lower = text.lower()
        if self._canonical == "siglip2":
            return lower
        return re.sub(r"\s+", " ", lower.translate(_NO_PUNCTUATION)).strip()


def _load(file: Path | str) -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise MissingPackageError(
            "SigLIP's tokenizer needs the package sentencepiece: pip install 'ovseg-jax[siglip]'"
        ) from error
    if not Path(file).is_file():
        raise ModelError(f"{file} is not a file; SigLIP needs its SentencePiece model there")
    try:
        # Where the package is not installed, pyright takes this very file for it.
        load = sentencepiece.SentencePieceProcessor  # pyright: ignore[reportAttributeAccessIssue]
        return load(model_file=str(file))
    except (RuntimeError, OSError) as error:
        raise ModelError(f"{file} is no SentencePiece model: {error}") from error
