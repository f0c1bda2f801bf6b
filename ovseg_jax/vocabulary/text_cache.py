"""Text embeddings on disk: read by mapping, never trusted blindly."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ovseg_jax.disk.user_cache import user_cache
from ovseg_jax.foundation.errors import OperandError, warn

SUFFIX = ".safetensors"
MOST_FILES = 32
"""More files of one bank are merged, since each costs a millisecond."""

Rows = Float[np.ndarray, "t d"]
File = dict[str, Rows]


class TextCache:
    """Embeddings of names, one bank of files per weights, tokenizer and templates.

    Each save adds a file with the names that were missing, so one more word costs one more word.
    Files appear whole or not at all and never change, so writers cannot disturb each other; a
    damaged one counts as absent. Rows are mapped from disk: 847 names in 14 templates are there in
    milliseconds.

    Attributes:
        directory: Where the banks lie; created on the first save.
        weights_key: Identifies the text tower's parameters (`loading.weights.fingerprint`).
    """

    def __init__(self, directory: Path | str, weights_key: str):
        self.directory = Path(directory)
        self.weights_key = weights_key
        self._files: dict[tuple[Path, int, int], File] = {}

    def bank(self, templates: Sequence[str], tokenizer_key: str) -> Path:
        """Returns the folder of everything embedded by these templates and ids."""
        return self.directory / _sha256([self.weights_key, tokenizer_key, *templates])[:16]

    def load_all(
        self, names: Iterable[str], templates: Sequence[str], tokenizer_key: str
    ) -> dict[str, Rows]:
        """Returns the rows of those names that are cached: read-only views of the files."""
        known: File = {}
        for path in _files_of(self.bank(templates, tokenizer_key)):
            known |= self._opened(path, len(templates))
        return {name: known[name] for name in names if name in known}

    def save_all(
        self, rows: Mapping[str, Rows], templates: Sequence[str], tokenizer_key: str
    ) -> None:
        """Writes many names; a full or read-only disk costs the cache, not the answer."""
        folder = self.bank(templates, tokenizer_key)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            older = _files_of(folder)
            merged = older if len(older) >= MOST_FILES else []
            written = _write(folder, self.load_all_of(merged, len(templates)) | dict(rows))
            for path in merged:
                if path != written:
                    path.unlink(missing_ok=True)
            if merged:
                self._files.clear()  # what is mapped stays on the disk
        except OSError as error:
            warn(f"text embeddings are not cached: {error}")

    def load_all_of(self, paths: Iterable[Path], templates: int) -> File:
        """Returns everything that some files hold."""
        return {name: row for path in paths for name, row in self._opened(path, templates).items()}

    def _opened(self, path: Path, templates: int) -> File:
        """Reads a file once, until it changes; a damaged one is empty."""
        try:
            status = path.stat()
            key = (path, status.st_mtime_ns, status.st_size)
            if key not in self._files:
                self._files[key] = _read(path, templates)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            return {}
        return self._files[key]


def default_directory() -> Path:
    """Returns the user's cache folder for texts; `OVSEG_CACHE` overrides it."""
    return user_cache() / "text"


def _files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


def _read(path: Path, templates: int) -> File:
    """Maps a file; the length of its rows, which is one, shows whether they are whole."""
    with safe_open(path, framework="numpy") as file:
        names = json.loads(file.metadata()["names"])
        shape = tuple(file.get_slice("embeddings").get_shape())
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    rows = np.memmap(path, np.float32, "r", offset=8 + header, shape=shape)
    fits = len(shape) == 3 and shape[:2] == (len(names), templates)
    if not fits or not all(isinstance(name, str) for name in names):
        raise OperandError(f"{path} does not hold {templates} rows for each of its names")
    lengths = np.einsum("std,std->st", rows, rows)
    if not np.all(np.abs(lengths - 1) < 1e-2):
        raise OperandError(f"{path} holds rows that are not of unit length")
    return dict(zip(names, rows, strict=True))


def _write(folder: Path, rows: Mapping[str, Rows]) -> Path:
    """Writes a file under a name that its own names decide."""
    path = folder / f"{_sha256(sorted(rows))[:32]}{SUFFIX}"
    embeddings = np.stack([np.asarray(row, np.float32) for row in rows.values()])
    data = save({"embeddings": embeddings}, {"names": json.dumps(list(rows))})
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _sha256(parts: Iterable[str]) -> str:
    """Hashes texts so that no two lists run together."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")  # bytes of a shell that are no text
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
