"""From names as they were written, wherever that was, to a class list."""

from __future__ import annotations

import reprlib
import string
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ovseg_jax.foundation.errors import warn
from ovseg_jax.vocabulary.class_list import ClassEntry, ClassList, VocabularyError
from ovseg_jax.vocabulary.palette import palette_color

PLACEHOLDERS = frozenset({"invalid_class_id", "__ignore__", "_background_"})
"""Entries of published name files (FC-CLIP's, LabelMe's) that are no classes."""
_INVISIBLE = str.maketrans("", "", "\ufeff\u200b\u2060\u00ad\u200e\u200f")
"""Marks that come along with copied text and make equal names differ."""
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Row:
    """One class as it was written.

    Attributes:
        names: At least one, cleaned.
        place: Where it stands, for messages: "class 3" or "line 7".
        is_thing: Whether it is countable.
        number: Its id, where it has one.
        counted: The number before its name, where lines count; no id, and left out of vocabularies.
    """

    names: tuple[str, ...]
    place: str
    is_thing: bool = True
    number: int | None = None
    counted: int | None = None


@dataclass(frozen=True)
class Reading:
    """What was found in a text or a file.

    Attributes:
        rows: The classes in order.
        remarks: How it was understood, where that is not obvious; shown on the command line.
        shares_names: Whether classes may share names, as in published lists.
        placeholders: Entries that are no classes, and left out.
    """

    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()
    shares_names: bool = False
    placeholders: tuple[Row, ...] = ()


def split_names(text: str) -> tuple[str, ...]:
    """Splits at commas, cleans, drops empty names and repetitions; keeps the order."""
    return clean_names(text.split(","))


def clean_names(names: Iterable[str]) -> tuple[str, ...]:
    """Trims, joins white space, brings to form NFC, drops empty names and repetitions."""
    shown = (unicodedata.normalize("NFC", name.translate(_INVISIBLE)) for name in names)
    return tuple(dict.fromkeys(name for text in shown if (name := " ".join(text.split()))))


def same_to_readers(name: str) -> str:
    """Returns a name without case, ASCII punctuation and variants of white space and letters."""
    plain = unicodedata.normalize("NFKC", name).casefold().translate(_PUNCTUATION)
    return " ".join(plain.split())


def make_list(reading: Reading, name: str, source: str) -> ClassList:
    """Makes the class list.

    Raises:
        VocabularyError: There is no class, or two share a name that must not.
    """
    if not reading.rows:
        raise VocabularyError(
            f"{source}: the vocabulary is empty; give names such as 'cat, kitten; sofa'"
        )
    _reject_broken(reading.rows, source)
    if not reading.shares_names:
        _reject_shared_names(reading.rows, source)
    entries = (
        ClassEntry(row.names, row.is_thing, palette_color(index), row.number)
        for index, row in enumerate(reading.rows)
    )
    return ClassList(name, tuple(entries), reading.shares_names)


def _reject_broken(rows: Sequence[Row], source: str) -> None:
    """Refuses names that are no text: bytes of another encoding, as a terminal hands them over."""
    for row in rows:
        for name in row.names:
            if any("\ud800" <= letter <= "\udfff" for letter in name):
                raise VocabularyError(
                    f"{source}: {row.place}: {short_repr(name)} is not UTF-8 text; "
                    "write it in UTF-8"
                )


def ordered_by_number(reading: Reading, source: str, *, are_indices: bool = False) -> Reading:
    """Sorts classes that all have ids by them, and says so if order or gaps show.

    Args:
        reading: The classes as they stand.
        source: Named in errors.
        are_indices: Whether ids number the classes, so that gaps deserve a warning.

    Raises:
        VocabularyError: An id stands twice.
    """
    numbers = [row.number for row in reading.rows if row.number is not None]
    if not numbers or len(numbers) < len(reading.rows):
        return reading
    places: dict[int, str] = {}
    for number, row in zip(numbers, reading.rows, strict=True):
        if number in places:
            raise VocabularyError(
                f"{source}: id {number} stands in {places[number]} and in {row.place}; "
                "each class needs an id of its own"
            )
        places[number] = row.place
    rows = tuple(sorted(reading.rows, key=lambda row: row.number or 0))
    moved = "put in the order of their ids" if rows != reading.rows else ""
    gaps = _gaps(numbers)
    if gaps and are_indices:
        warn(f"{source}: {gaps}")
        gaps = ""
    remarks = (text for text in (moved, gaps) if text)
    return replace(reading, rows=rows, remarks=(*reading.remarks, *remarks))


def _gaps(numbers: Sequence[int]) -> str:
    """Says if ids do not count classes from 0 or 1; empty if they do."""
    first, last = min(numbers), max(numbers)
    if first in (0, 1) and last - first < len(numbers):
        return ""
    return f"ids {first} to {last} have gaps: outputs count classes by position"


def without_placeholders(reading: Reading) -> Reading:
    """Leaves out entries that published files have besides their classes."""
    gone = tuple(row for row in reading.rows if row.names[0] in PLACEHOLDERS)
    if not gone:
        return reading
    kept = tuple(row for row in reading.rows if row.names[0] not in PLACEHOLDERS)
    remarks = (*reading.remarks, f"without {', '.join(row.names[0] for row in gone)}")
    return replace(reading, rows=kept, remarks=remarks, placeholders=gone)


def number_of(value: Any) -> int | None:
    """An integer, also as text; True is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def short_repr(value: Any, length: int = 60) -> str:
    """Shows a value that may be nested and long; time and length are bounded."""
    text = reprlib.repr(value)
    return text if len(text) <= length else f"{text[:length]}..."


def _reject_shared_names(rows: Sequence[Row], source: str) -> None:
    owner: dict[str, Row] = {}
    for row in rows:
        for name in row.names:
            first = owner.setdefault(name, row)
            if first is not row:
                raise VocabularyError(
                    f"{source}: the name {name!r} stands in {first.place} "
                    f"({', '.join(first.names)!r}) and in {row.place} "
                    f"({', '.join(row.names)!r}); keep it in one of them"
                )
