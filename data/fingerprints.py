"""The content of users' files, by which records of one state of a folder are told from others."""

from __future__ import annotations

import functools
import hashlib
import os

from etils import epath


def content_hash(path: epath.Path) -> bytes:
    """Returns the SHA-256 of a file's content; of one that is missing, that of nothing.

    A missing file is reported by the builder, which knows what it should be.
    """
    return _hash(path, _stamp(path)) if path.is_file() else hashlib.sha256().digest()


def _stamp(path: epath.Path) -> tuple[int, int]:
    """Returns what changes whenever somebody writes a file: its size and time, in nanoseconds."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


@functools.cache
def _hash(path: epath.Path, stamp: tuple[int, int]) -> bytes:
    """Hashes a file once per process and `stamp`: a run opens its folder several times."""
    del stamp
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
