"""What a folder of pairs was made with, so that a run goes on with the same or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.foundation.errors import OvsegError

FILE, FORMAT = "settings.json", 1


class SettingsError(OvsegError, ValueError):
    """A folder was made with other settings; the message names them."""


def settle(folder: Path, record: Mapping[str, Any]) -> None:
    """Writes the settings of a new folder, or checks that an old one has the same.

    Args:
        folder: Where pairs go.
        record: "options" by their names, which must agree, and whatever else is worth keeping.

    Raises:
        SettingsError: Names every option that differs.
    """
    path = folder / FILE
    if not path.exists():
        OutputFolder(folder).write(FILE, lambda file: file.write(_json(record)))
    before = read_settings(folder)
    if changed := differences(before, record):
        raise SettingsError(
            f"{folder} was begun with other settings; give them again or another --out:\n  "
            + "\n  ".join(f"{name}: {old!r} there, {new!r} now" for name, old, new in changed)
        )


def read_settings(folder: Path) -> dict[str, Any]:
    """Returns the settings of a folder.

    Raises:
        SettingsError: There are none, or they cannot be read.
    """
    path = folder / FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{folder}: holds no {FILE}; is it a folder of mined pairs?") from error
    except ValueError as error:
        raise SettingsError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise SettingsError(f"{path}: expected an object with 'format': {FORMAT}")
    return record


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Lists the options that differ: name, value before, value now."""
    old, new = before.get("options", {}), json.loads(_json(now)).get("options", {})
    names = dict.fromkeys((*old, *new))
    return [(n, old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n)]


def file_key(path: Path) -> str:
    """Identifies the content of a file, or the names and sizes of what lies in a folder."""
    digest = hashlib.sha256()
    if path.is_dir():
        for entry in sorted(path.rglob("*")):
            size = entry.stat().st_size if entry.is_file() else 0
            digest.update(os.fsencode(f"{entry.relative_to(path)} {size}\n"))
    else:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return f"{path.name} {digest.hexdigest()[:16]}"


def text_key(lines: Sequence[str]) -> str:
    """Identifies a list of texts."""
    return f"{len(lines)}, {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:16]}"


def _json(record: Mapping[str, Any]) -> bytes:
    return json_bytes(record, indent=1) + b"\n"
