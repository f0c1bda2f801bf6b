"""The names of numbered labels: which number each name has.

Class files are read for vocabularies too, where only the words count. For labels a number before a
name is the label itself, and where nothing is numbered, the place of a name is: so nothing that
stands between names may be left out.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from data.manual_files import ManualFileError
from ovseg_jax.foundation.errors import OvsegWarning, first_few
from ovseg_jax.vocabulary.class_files import read_rows
from ovseg_jax.vocabulary.class_list import ClassList, VocabularyError
from ovseg_jax.vocabulary.class_rows import Reading, Row, make_list
from ovseg_jax.vocabulary.matching import folded
from ovseg_jax.vocabulary.text_files import read_text

_NUMBER_FIRST = re.compile(r"\d+[.)]?\s+\S.*")
QUESTION = "write the label before each name, such as '0: background', in all lines"


def read_label_names(file: Path) -> ClassList:
    """Reads the names of labels from a file of any form that `load_class_file` reads.

    Returns:
        The classes by rising label. `original_id` is the label where the file numbers its names;
        None in all where it does not, and the place of a name is its label.

    Raises:
        ManualFileError: It cannot be read, or does not say without doubt which label a name has.
    """
    try:
        return label_names(read_text(file), file)
    except VocabularyError as error:
        raise ManualFileError(str(error)) from error


def label_names(text: str, file: Path) -> ClassList:
    """Reads names from the text of a file, see `read_label_names`.

    Raises:
        ManualFileError: See `read_label_names`.
        VocabularyError: The text holds no class list.
    """
    with gaps_allowed():
        reading = read_rows(text, file)
    return numbered(reading, file.stem, str(file), text)


@contextlib.contextmanager
def gaps_allowed() -> Iterator[None]:
    """Keeps the reader of class lists from warning of numbers that are left out: labels may be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OvsegWarning)
        yield


def numbered(reading: Reading, name: str, source: str, text: str = "") -> ClassList:
    """Makes the class list of what was read, see `read_label_names`.

    Args:
        reading: The rows.
        name: What the list is called.
        source: Named in errors.
        text: All of the file, where its lines count.

    Raises:
        ManualFileError: See `read_label_names`.
        VocabularyError: There is no class, or two share a name.
    """
    numbers = [row.counted if row.number is None else row.number for row in reading.rows]
    known = [number for number in numbers if number is not None]
    if known and len(known) < len(numbers):
        raise ManualFileError(f"{source}: some names have numbers and others not; {QUESTION}")
    if known and min(known) < 0:
        raise ManualFileError(f"{source}: {min(known)} is no label; labels count from 0")
    if not known:
        _check_places(reading, source, text)
    found = zip(reading.rows, numbers, strict=True)
    rows = [Row(row.names, row.place, row.is_thing, number) for row, number in found]
    rows.sort(key=lambda row: row.number or 0)
    return make_list(Reading(tuple(rows), (), reading.shares_names), name, source)


def labels_of(classes: ClassList) -> tuple[int, ...]:
    """Returns the label of each class of `read_label_names`."""
    ids = [entry.original_id for entry in classes.classes]
    known = tuple(number for number in ids if number is not None)
    return known if len(known) == len(ids) else tuple(range(len(ids)))


def difference(one: ClassList, other: ClassList) -> str:
    """Says the first label whose names differ in two lists; empty where none does.

    Labels have the same name where they share one, and the way of writing it does not count.
    """
    ours, theirs = (dict(zip(labels_of(x), x.classes, strict=True)) for x in (one, other))
    for label in sorted(ours.keys() | theirs.keys()):
        first, second = ours.get(label), theirs.get(label)
        words = [set(map(folded, entry.synonyms)) if entry else set() for entry in (first, second)]
        if not words[0] & words[1]:
            shown = [repr(", ".join(x.synonyms)) if x else "no name" for x in (first, second)]
            return f"label {label} is {shown[0]} in the one and {shown[1]} in the other"
    return ""


def _check_places(reading: Reading, source: str, text: str) -> None:
    """Refuses a list without numbers where something between the names was left out."""
    if gone := reading.placeholders:
        raise ManualFileError(
            f"{source}: {gone[0].names[0]!r} ({gone[0].place}) is no class, so the labels behind "
            f"it would shift; give it a name such as 'background', or {QUESTION}"
        )
    firsts = [row.names[0] for row in reading.rows]
    if len(firsts) > 1 and all(map(_NUMBER_FIRST.fullmatch, firsts)):
        raise ManualFileError(
            f"{source}: each name begins with a number ({first_few(firsts, 3)}), and they do not "
            f"count from 0 or 1; are these the labels? Then {QUESTION}"
        )
    places = [int(row.place.split()[-1]) for row in reading.rows]
    for before, after in itertools.pairwise(places):
        if after != before + 1:
            _refuse_shift(source, before, after)
    by_line = bool(reading.rows) and reading.rows[0].place.startswith("line")
    heads = text.splitlines()[: places[0] - 1] if by_line else []
    if blank := [number for number, line in enumerate(heads, start=1) if not line.strip()]:
        raise ManualFileError(
            f"{source}: line {blank[0]} is blank, and line n names label n - 1; has label "
            f"{blank[0] - 1} no name? Then {QUESTION}; else take the blank line out"
        )


def _refuse_shift(source: str, before: int, after: int) -> None:
    if after == before:
        raise ManualFileError(
            f"{source}: line {after} holds several classes, and line n names label n - 1; write "
            "one class per line, with commas between its names"
        )
    raise ManualFileError(
        f"{source}: line {before + 1} is blank or a comment and stands between names, and line n "
        f"names label n - 1; has a label no name? Then {QUESTION}; else take the line out"
    )
