"""Writing results: each file appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ovseg_jax.errors import OvsegError


class OutputError(OvsegError, OSError):
    """A result could not be written; the message names the file, the reason and the space left."""


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> Path:
    """Writes beside the target and renames, so that an interruption leaves no half file.

    Args:
        path: The file; its folder is made if need be.
        write: Receives the open file.

    Raises:
        OutputError: The disk refuses; nothing is left behind, and an older file stays.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {_reason(path, error)}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def _reason(path: Path, error: OSError) -> str:
    text = error.strerror or str(error)
    existing = next((p for p in path.absolute().parents if p.exists()), None)
    if existing is None:
        return text
    return f"{text} ({shutil.disk_usage(existing).free / 2**20:.0f} MiB free on the disk)"
