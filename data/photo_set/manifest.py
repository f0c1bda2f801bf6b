"""The list of photos of a folder: reading it, checking it, and telling two folders apart."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from etils import epath

from data.fingerprints import content_hash
from data.manual_files import ManualFileError, require_file
from data.photo_set.class_file import CLASSES, NUMBERED
from data.photo_set.folder import FOLDER_SET, list_photos

MANIFEST = "manifest.json"
FIELDS = {"set": str, "image": str, "gt": str, "width": int, "height": int}
"""What every entry holds; "segments_info" besides, where the annotation needs it, and "split"."""
SPLITS = ("train", "validation")
OWN_CLASSES = (*NUMBERED, "masks")
"""Sets whose classes `classes.txt` names."""


def read_manifest(root: epath.Path, set_name: str) -> list[dict[str, Any]]:
    """Returns the entries of one set, in the order of `root/manifest.json`.

    Without a manifest the set "instances" is what the one COCO instances file in the folder lists.

    Raises:
        ManualFileError: The manifest is missing or damaged, or has no such set.
    """
    path = root / MANIFEST
    if set_name == FOLDER_SET and not path.is_file():
        return list_photos(root)
    entries = _entries(path)
    chosen = [entry for entry in entries if entry["set"] == set_name]
    if not chosen:
        found = ", ".join(sorted({entry["set"] for entry in entries})) or "none"
        raise ManualFileError(f"{path}: no photo of the set {set_name!r}; it has {found}")
    return chosen


def split_of(entry: dict[str, Any]) -> str:
    """Returns the split of an entry; one that does not say is trained on."""
    return entry.get("split", SPLITS[0])


def only_set(root: epath.Path) -> str:
    """Returns the set of a folder for which no set was named.

    Raises:
        ManualFileError: The manifest is damaged or has several sets.
    """
    if not (root / MANIFEST).is_file():
        return FOLDER_SET
    found = sorted({entry["set"] for entry in _entries(root / MANIFEST)})
    if len(found) != 1:
        raise ManualFileError(
            f"{root / MANIFEST}: has {', '.join(found) or 'no photo'}; name a set"
        )
    return found[0]


def fingerprint(root: epath.Path, set_name: str) -> str:
    """Returns 12 hexadecimal digits that stand for a set's entries and the content of its files.

    So does that of `classes.txt` where annotations do not name their classes.

    Where the folder lies does not count, so that a copy has the same.

    Raises:
        ManualFileError: See `read_manifest`.
    """
    entries = read_manifest(root, set_name)
    digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode())
    for name in sorted({entry[field] for entry in entries for field in ("image", "gt")} - {""}):
        digest.update(content_hash(root / name))
    if set_name in OWN_CLASSES and (root / CLASSES).is_file():
        digest.update(content_hash(root / CLASSES))
    return digest.hexdigest()[:12]


def _entries(path: epath.Path) -> list[dict[str, Any]]:
    require_file(path, "the manifest of the photos")
    try:
        entries = json.loads(path.read_bytes())
    except ValueError as error:
        raise ManualFileError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(entries, list):
        raise ManualFileError(f"{path}: expected a list of entries, one per photo")
    for number, entry in enumerate(entries):
        check_entry(entry, f"{path}: entry {number}")
    return entries


def check_entry(entry: Any, source: str) -> None:
    """Refuses an entry without a field, or with one of another type.

    Raises:
        ManualFileError: The message says which, after `source`.
    """
    if not isinstance(entry, dict):
        raise ManualFileError(f"{source}: expected an object, found {entry!r}")
    for field, kind in FIELDS.items():
        if not isinstance(entry.get(field), kind):
            found = repr(entry[field]) if field in entry else "nothing"
            raise ManualFileError(
                f"{source}: {field!r} should be of type {kind.__name__}, found {found}"
            )
    if split_of(entry) not in SPLITS:
        raise ManualFileError(
            f"{source}: 'split' should be one of {', '.join(SPLITS)}, found {entry['split']!r}"
        )
