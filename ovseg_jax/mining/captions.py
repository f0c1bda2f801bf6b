"""Captions of photos from files: COCO's JSON, or a table of file names and captions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ovseg_jax.foundation.errors import OvsegError

Captions = dict[str, tuple[str, ...]]
"""The captions of each photo by its file name, in the order of the file."""


class CaptionError(OvsegError, ValueError):
    """A file of captions that cannot be used; the message names the file and the place."""


def read_captions(path: str | Path, per_photo: int = 0) -> Captions:
    """Reads captions.

    * `.json`: COCO's layout, `images` with `id` and `file_name`, `annotations` with `image_id` and
      `caption`.
    * anything else: lines `file_name<TAB>caption`; a photo may have several; empty lines are
      skipped.

    Args:
        path: The file.
        per_photo: How many captions of each photo count, the first ones; 0 for all.

    Raises:
        CaptionError: The file is missing, cannot be understood, or holds no caption.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CaptionError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise CaptionError(f"{path}: not UTF-8 (byte {error.start})") from error
    pairs = _from_coco(text, path) if path.suffix.lower() == ".json" else _from_table(text, path)
    found: dict[str, list[str]] = {}
    for name, caption in pairs:
        found.setdefault(name, []).append(caption)
    if not found:
        raise CaptionError(f"{path}: holds no caption")
    return {name: tuple(found[name][: per_photo or None]) for name in sorted(found)}


def _from_table(text: str, path: Path) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, tab, caption = line.partition("\t")
        if not (tab and name.strip() and caption.strip()):
            raise CaptionError(f"{path}: line {number}: expected file_name<TAB>caption: {line!r}")
        yield name.strip(), caption.strip()


def _from_coco(text: str, path: Path) -> Iterable[tuple[str, str]]:
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise CaptionError(f"{path}: not readable as JSON ({error})") from error
    images, annotations = (_list(content, key, path) for key in ("images", "annotations"))
    names = {
        _field(image, "id", int, f"{path}: images[{n}]"): _field(
            image, "file_name", str, f"{path}: images[{n}]"
        )
        for n, image in enumerate(images)
    }
    for number, entry in enumerate(annotations):
        where = f"{path}: annotations[{number}]"
        owner = _field(entry, "image_id", int, where)
        if owner not in names:
            raise CaptionError(f"{where}: image_id {owner} is not in 'images'")
        yield names[owner], _field(entry, "caption", str, where)


def _list(content: Any, key: str, path: Path) -> list[Any]:
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise CaptionError(f"{path}: has no list {key!r}; expected COCO's captions file")
    return entries


def _field(entry: Any, key: str, kind: type, where: str) -> Any:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, kind):
        raise CaptionError(f"{where}: {key!r} should be of type {kind.__name__}, found {value!r}")
    return value
