"""Writing files: each appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ovseg_jax.foundation.errors import OvsegError

TEMPORARY = ".ovseg-"
"""How names of files and folders begin that are not finished; a killed run may leave one."""


class OutputError(OvsegError, OSError):
    """A result could not be written; the message names the file, the reason and the remedy."""


def write_atomically(
    path: Path, write: Callable[[BinaryIO], object], ready: Callable[[Path], object] | None = None
) -> Path:
    """Writes beside the target and renames, so that an interruption leaves no half file.

    Args:
        path: The file; its folder is made if need be.
        write: Receives the open file.
        ready: Receives the finished file under its temporary name, just before it is renamed.

    Raises:
        OutputError: The disk refuses; nothing is left behind, and an older file stays.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            write(file)
        os.chmod(temporary, 0o666 & ~umask())  # mkstemp makes it private
        if ready is not None:
            ready(temporary)
        os.replace(temporary, path)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path} could not be written: {reason(path, error)}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path


def umask() -> int:
    """What the user wants kept from others; reading it means setting it for a moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def reason(path: Path, error: BaseException) -> str:
    """Says why a path could not be written, and how much room its disk has."""
    text = getattr(error, "strerror", None) or str(error)
    existing = next((p for p in path.absolute().parents if p.exists()), None)
    if existing is None:
        return text
    return f"{text} ({shutil.disk_usage(existing).free / 2**20:.0f} MiB free on the disk)"
