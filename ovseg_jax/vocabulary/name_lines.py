"""Class lists as plain text: one class per line, with ids, numbers or bullets before it or without.

Whatever looks like a line of another format is refused with its number rather than taken for a
name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ovseg_jax.vocabulary.class_list import VocabularyError
from ovseg_jax.vocabulary.class_rows import (
    Reading,
    Row,
    ordered_by_number,
    split_names,
    without_placeholders,
)
from ovseg_jax.vocabulary.hints import check_parting
from ovseg_jax.vocabulary.text_files import Line

_ID = re.compile(r"(-?\d+)\s*:(.*)")
_NUMBER = re.compile(r"(\d+)[.)]?\s+(\S.*)")
_BULLET = re.compile(r"[-*\N{BULLET}]\s+(\S.*)")
_NO_NAME = (
    (re.compile(r"[{}\[\]<>=]"), "signs of another format"),
    (re.compile(r"([\"'])[^\"']*\1\s*,?$"), "quotes around it"),
    (re.compile(r":(?:\s|$)"), "a colon, as 'key: value' has"),
)
"""What a line of names does not have, and how an error calls it."""


def read_lines(lines: Sequence[Line], source: str) -> Reading:
    """Reads classes from lines that are neither blank nor comments.

    Understood are `id:name1,name2` (FC-CLIP's published lists, whose classes may share names),
    lines numbered from 0 or 1 ("0 person", "1. person"), bullets ("- person"), and plain names.

    Args:
        lines: See `text_files.content_lines`.
        source: Named in errors.

    Raises:
        VocabularyError: A line is of another kind than the first, or holds no name.
    """
    for read in (_with_ids, _numbered, _with_bullets):
        if reading := read(lines, source):
            return without_placeholders(reading)
    return without_placeholders(_plain(lines, source))


def _with_ids(lines: Sequence[Line], source: str) -> Reading | None:
    matches = [_ID.fullmatch(line.text) for line in lines]
    if not any(matches):
        return None
    rows = []
    for line, match in zip(lines, matches, strict=True):
        if not match:
            raise VocabularyError(
                f"{source}: line {line.number}: {line.text!r} has no id, unlike other lines; write "
                "'7:sofa,couch' in all of them or in none"
            )
        names = split_names(match[2])
        if not names:
            raise VocabularyError(
                f"{source}: line {line.number}: no name after id {match[1]}; write '7:sofa,couch'"
            )
        rows.append(Row(names, f"line {line.number}", number=int(match[1])))
    return ordered_by_number(Reading(tuple(rows), shares_names=True), source)


def _numbered(lines: Sequence[Line], source: str) -> Reading | None:
    """Lines that count from 0 or 1 without a gap; other numbers are part of names."""
    matches = [match for line in lines if (match := _NUMBER.fullmatch(line.text))]
    first = int(matches[0][1]) if matches else 0
    counted = [int(match[1]) for match in matches] == list(range(first, first + len(lines)))
    if len(lines) < 2 or not counted or first > 1:
        return None
    texts = [Line(line.number, match[2]) for line, match in zip(lines, matches, strict=True)]
    rows = _rows(texts, source)
    numbers = {f"line {line.number}": first + n for n, line in enumerate(lines)}
    counted = tuple(replace(row, counted=numbers[row.place]) for row in rows)
    return Reading(counted, ("numbers before the names left out",))


def _with_bullets(lines: Sequence[Line], source: str) -> Reading | None:
    matches = [match for line in lines if (match := _BULLET.fullmatch(line.text))]
    if not matches or len(matches) < len(lines):
        return None
    texts = [Line(line.number, match[1]) for line, match in zip(lines, matches, strict=True)]
    return Reading(_rows(texts, source), ("bullets left out",))


def _plain(lines: Sequence[Line], source: str) -> Reading:
    rows = _rows(lines, source)
    check_parting("\n".join(line.text for line in lines), rows, source)
    return Reading(rows)


def _rows(lines: Sequence[Line], source: str) -> tuple[Row, ...]:
    """Reads names; `;` parts classes on one line too."""
    for line in lines:
        for pattern, what in _NO_NAME:
            if pattern.search(line.text):
                raise VocabularyError(
                    f"{source}: line {line.number}: {line.text!r} is no name: it has {what}; write "
                    "one class per line with commas between synonyms, or use a file ending that "
                    "says what it is (.json, .yaml, .csv)"
                )
    return tuple(
        Row(names, f"line {line.number}")
        for line in lines
        for part in line.text.split(";")
        if (names := split_names(part))
    )
