"""The list of photos of a folder: reading it, checking it, and telling two folders apart."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from etils import epath

from data.manual_files import ManualFileError, require_file

FIELDS = {"set": str, "image": str, "gt": str, "width": int, "height": int}
"""What every entry holds; "segments_info" besides, where the annotation needs it."""


def read_manifest(root: epath.Path, set_name: str) -> list[dict[str, Any]]:
    """Returns the entries of one set, in the order of `root/manifest.json`.

    Raises:
        ManualFileError: The manifest is missing or damaged, or has no such set.
    """
    path = require_file(root / "manifest.json", "the manifest of the photos")
    try:
        entries = json.loads(path.read_text())
    except ValueError as error:
        raise ManualFileError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(entries, list):
        raise ManualFileError(f"{path}: expected a list of entries, one per photo")
    for number, entry in enumerate(entries):
        _check(entry, f"{path}: entry {number}")
    chosen = [entry for entry in entries if entry["set"] == set_name]
    if not chosen:
        found = ", ".join(sorted({entry["set"] for entry in entries})) or "none"
        raise ManualFileError(f"{path}: no photo of the set {set_name!r}; it has {found}")
    return chosen


def fingerprint(root: epath.Path, set_name: str) -> str:
    """Returns 12 hexadecimal digits that change when a set's entries or files change.

    Entries count by content, photos and annotations by name, size and time of change, so that
    even a large folder is told apart without being read.

    Raises:
        ManualFileError: See `read_manifest`.
    """
    entries = read_manifest(root, set_name)
    files = sorted({entry[field] for entry in entries for field in ("image", "gt")})
    states = [_state(root, name) for name in files]
    content = json.dumps([entries, states], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _state(root: epath.Path, name: str) -> tuple[str, int, float]:
    path = root / name
    if not path.is_file():  # the builder will say so, with what the file should be
        return name, 0, 0.0
    found = path.stat()
    return name, found.length, float(found.mtime)


def _check(entry: Any, source: str) -> None:
    if not isinstance(entry, dict):
        raise ManualFileError(f"{source}: expected an object, found {entry!r}")
    for field, kind in FIELDS.items():
        if not isinstance(entry.get(field), kind):
            found = repr(entry[field]) if field in entry else "nothing"
            raise ManualFileError(
                f"{source}: {field!r} should be of type {kind.__name__}, found {found}"
            )
