"""The fields of a description as they are written: which there are, and of which type."""

from __future__ import annotations

import difflib
import json
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from data.manual_files import ManualFileError
from ovseg_jax.foundation.errors import printable

FIELDS = (
    *("root", "photos", "labels", "photo_suffix", "label_suffix", "names", "things"),
    *("background", "interest", "ignore", "first", "remap", "splits", "count", "partial"),
)
SPLIT_FIELDS = ("photos", "labels", "count")
LARGEST = 2**21
"""Characters of a description; more is another kind of file."""


def read_fields(file: Path) -> dict[str, Any]:
    """Reads a YAML or JSON file.

    Raises:
        ManualFileError: It is damaged, or holds no object, or one with unknown fields.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        if len(text) > LARGEST:
            raise ManualFileError(f"{file}: is too long to describe folders of photos")
        content = json.loads(text) if file.suffix.lower() == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, RecursionError, ValueError, yaml.YAMLError) as error:
        if isinstance(error, ManualFileError):
            raise
        raise ManualFileError(f"{file}: cannot be read: {printable(str(error))}") from error
    check_keys(content, FIELDS, str(file))
    return content


def check_keys(content: Any, known: tuple[str, ...], where: str) -> None:
    """Refuses what is no object, or has a field that nobody reads.

    Raises:
        ManualFileError: The message names the field and one that is close to it.
    """
    if not isinstance(content, dict):
        raise ManualFileError(
            f"{where}: should have lines such as 'photos: images', found {shown(content)}"
        )
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"perhaps you meant {near[0]!r}; " if near else ""
            raise ManualFileError(
                f"{where}: there is no field {shown(key)}; {hint}known: {', '.join(known)}"
            )


def text_of(content: Mapping[str, Any], key: str, where: str) -> str:
    """Returns a text; empty where it is missing.

    Raises:
        ManualFileError: It is of another type.
    """
    value = content.get(key, "")
    if not isinstance(value, str):
        raise ManualFileError(f"{where}: {key!r} should be a text, found {shown(value)}")
    return value


def texts_of(content: Mapping[str, Any], key: str, where: str) -> tuple[str, ...] | None:
    """Returns one or several texts; None where they are missing.

    Raises:
        ManualFileError: One is of another type or empty; YAML reads `no` and `7` as no text.
    """
    if key not in content:
        return None
    value = content[key]
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(x, str) and x for x in values):
        raise ManualFileError(
            f"{where}: {key!r} should be a text or a list of texts, found {shown(value)}; quotes "
            "make a text of a word such as no"
        )
    return tuple(values)


def check_names(names: Any, where: str) -> list[Any] | dict[Any, Any]:
    """Returns names if they are a list of texts and lists of texts, or such under their labels.

    Raises:
        ManualFileError: They are missing, or one is of another type.
    """
    if not isinstance(names, list | dict) or not names:
        raise ManualFileError(
            f"{where}: 'names' should list the classes in the order of their labels, or name a "
            f"file of them; found {shown(names)}"
        )
    items = names.items() if isinstance(names, dict) else enumerate(names)
    for number, item in items:
        if type(number) is not int and not (isinstance(number, str) and number.isdecimal()):
            raise ManualFileError(
                f"{where}: 'names' should give names of labels, such as '0: road', found "
                f"{shown(number)}"
            )
        texts = item if isinstance(item, list) else [item]
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise ManualFileError(
                f"{where}: 'names': class {number} should be a name or a list of names, found "
                f"{shown(item)}; quotes make a name of a word such as no"
            )
    return names


def count_of(content: Mapping[str, Any], where: str) -> int | None:
    """Returns how many photos there should be; None where it is not said.

    Raises:
        ManualFileError: It is no number.
    """
    value = content.get("count")
    if value is not None and (type(value) is not int or value < 1):
        raise ManualFileError(
            f"{where}: 'count' should be a number of photos, found {shown(value)}"
        )
    return value


def shown(value: Any) -> str:
    """Returns a value for a message, cut where it is long."""
    return reprlib.repr(value)
