"""Text embeddings on disk: one file per name, never trusted blindly."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float


class TextCache:
    """Embeddings of single names on disk, so that one more word costs one more word.

    A file holds all templates of one name. Its path depends on everything that decides its
    content: weights, templates, tokenizer and name. Files appear whole or not at all, and a
    damaged one counts as absent.

    Attributes:
        directory: Where the files lie; created on the first save.
        weights_key: Identifies the text tower's parameters (`ovseg_jax.weights.fingerprint`).
    """

    def __init__(self, directory: Path | str, weights_key: str):
        self.directory = Path(directory)
        self.weights_key = weights_key

    def path(self, name: str, templates: Sequence[str], tokenizer_key: str) -> Path:
        """Returns the file of one name."""
        bank = _sha256([self.weights_key, tokenizer_key, *templates])
        return self.directory / bank[:16] / f"{_sha256([name])[:32]}.npz"

    def load(
        self, name: str, templates: Sequence[str], tokenizer_key: str
    ) -> Float[np.ndarray, "t d"] | None:
        """Returns the rows of a name, or None where they have to be computed."""
        try:
            with np.load(self.path(name, templates, tokenizer_key), allow_pickle=False) as file:
                rows, stored = file["embeddings"], str(file["name"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        fits = rows.ndim == 2 and rows.shape[0] == len(templates) and np.isfinite(rows).all()
        return rows if stored == name and fits else None

    def save(
        self,
        name: str,
        templates: Sequence[str],
        tokenizer_key: str,
        rows: Float[np.ndarray, "t d"],
    ) -> None:
        """Writes the rows of a name."""
        path = self.path(name, templates, tokenizer_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, name=np.array(name), embeddings=rows)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def load_all(
        self, names: Iterable[str], templates: Sequence[str], tokenizer_key: str
    ) -> dict[str, Float[np.ndarray, "t d"]]:
        """Returns the rows of those names that are cached."""
        found = {name: self.load(name, templates, tokenizer_key) for name in names}
        return {name: rows for name, rows in found.items() if rows is not None}

    def save_all(
        self,
        rows: Mapping[str, Float[np.ndarray, "t d"]],
        templates: Sequence[str],
        tokenizer_key: str,
    ) -> None:
        """Writes many names; a full or read-only disk costs the cache, not the answer."""
        try:
            for name, embeddings in rows.items():
                self.save(name, templates, tokenizer_key, embeddings)
        except OSError as error:
            warnings.warn(f"text embeddings are not cached: {error}", stacklevel=3)


def default_directory() -> Path:
    """Returns the user's cache folder for texts; `OVSEG_CACHE` overrides it."""
    base = os.environ.get("OVSEG_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "ovseg_jax" / "text"


def _sha256(parts: Iterable[str]) -> str:
    """Hashes texts so that no two lists run together."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
