"""JSON files of masks: parsed once, and given to the reader of their layout."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks import entries
from ovseg_jax.masks.coco import read_coco
from ovseg_jax.masks.found import FileMasks, MaskEntry, Subject, draw_entries
from ovseg_jax.masks.geojson import is_pixel_geojson, read_geojson
from ovseg_jax.masks.label_studio import is_label_studio, read_label_studio
from ovseg_jax.masks.labelme import read_labelme
from ovseg_jax.masks.unread import ACCEPTED, name_of_json
from ovseg_jax.masks.via import is_via, read_via


def read_json(path: Path, subject: Subject) -> tuple[FileMasks, bool]:
    """Reads a photo's masks from a JSON file of any known layout.

    Returns:
        The masks, and whether the file said by name that they are this photo's.

    Raises:
        MasksError: The layout is unknown, the photo is not in it, or a field is wrong.
    """
    stamp = path.stat()
    content = _load(path, stamp.st_mtime_ns, stamp.st_size)
    found, named = find_entries(path, content, subject)
    return draw_entries(path, found, subject), named


def find_entries(path: Path, content: Any, subject: Subject) -> tuple[list[MaskEntry], bool]:
    """Lists a photo's masks, and whether they are listed by its name."""
    if isinstance(content, list):
        return _from_list(path, content, subject)
    if not isinstance(content, dict):
        raise MasksError(f"{path}: holds {type(content).__name__}, not a list or an object")
    if (found := _about_one_photo(path, content, subject)) is not None:
        return found
    if isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list):
        return read_coco(path, content, subject), True
    if "images" in content and not isinstance(content["images"], list):
        found = type(content["images"]).__name__
        raise MasksError(f"{path}: 'images' is {found}, where COCO has a list of objects")
    if is_via(content):
        return read_via(path, content, subject), True
    if any(isinstance(content.get(key), list) for key in entries.LISTS):
        return entries.of_one_photo(path, content, subject), bool(content.get("image"))
    _refuse_unread(path, content)
    return entries.by_name(path, content, subject), True


def _about_one_photo(
    path: Path, content: dict[str, Any], subject: Subject
) -> tuple[list[MaskEntry], bool] | None:
    """Reads what tools write beside each photo; None for other layouts."""
    if isinstance(content.get("shapes"), list) and "imagePath" in content:
        return read_labelme(path, content, subject), bool(content["imagePath"])
    if is_pixel_geojson(content):
        return read_geojson(path, content, subject), "image" in content
    return None


def _from_list(path: Path, content: list, subject: Subject) -> tuple[list[MaskEntry], bool]:
    if is_label_studio(content):
        return read_label_studio(path, content, subject), True
    if entries.names_images(content):
        return entries.of_results(path, content, subject), True
    _refuse_unread(path, content)
    return entries.of_one_photo(path, content, subject), False


def _refuse_unread(path: Path, content: Any) -> None:
    if says := name_of_json(content):
        raise MasksError(f"{path}: is {says} ({ACCEPTED})")


@functools.lru_cache(maxsize=4)
def _load(path: Path, modified: int, length: int) -> Any:
    """Parses a file once for all its photos; the stamp makes a changed file a new one.

    Any of JSON's encodings will do, with or without a byte order mark.
    """
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise MasksError(f"{path}: not readable as JSON ({error})") from error
