"""Text as people save it: which encoding, and which lines hold something."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from ovseg_jax.vocabulary.class_list import VocabularyError

LARGEST = 64 * 2**20
"""Bytes; annotation files with a class list in them may be large, other files are a mistake."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


_COMMENT = re.compile(r"^\s*(?:#|//).*|\s#(?:\s.*)?$")


@dataclass(frozen=True)
class Line:
    """One line that holds something.

    Attributes:
        number: From 1.
        text: Without white space at its ends, and without a comment.
    """

    number: int
    text: str


def read_text(path: Path) -> str:
    """Reads UTF-8, or UTF-16 and UTF-32 that say so at their beginning.

    Raises:
        VocabularyError: The file is missing, a folder, too large, or in another encoding.
    """
    data = _read_bytes(path)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise VocabularyError(
            f"{path}: line {line} is not {encoding.upper()} (byte {error.start}, "
            f"0x{data[error.start]:02x}); save the class file as UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise VocabularyError(f"{path}: line {line} holds a zero byte; give a text file in UTF-8")
    return text


def content_lines(text: str) -> tuple[list[Line], int]:
    """Returns the lines that are neither blank nor comments, and how many comments there were.

    A comment begins with `#` at the start of a line, or with a lone `#` behind white space, so that
    "player #1" stays a name.
    """
    lines, comments = [], 0
    for number, raw in enumerate(text.splitlines(), start=1):
        kept = _COMMENT.sub("", raw).strip()
        comments += kept != raw.strip()
        if kept:
            lines.append(Line(number, kept))
    return lines, comments


def _read_bytes(path: Path) -> bytes:
    """Reads at most `LARGEST` bytes, also from a pipe."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise VocabularyError(f"{path}: no such class file") from None
    except IsADirectoryError:
        raise VocabularyError(f"{path}: is a folder; give a class file") from None
    except ValueError:
        raise VocabularyError(f"{str(path)!r} is not the name of a file") from None
    if len(data) > LARGEST:
        raise VocabularyError(
            f"{path}: more than {LARGEST // 2**20} MiB are too much for a class list; give a file "
            "with the names alone"
        )
    return data
