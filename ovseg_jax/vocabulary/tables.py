"""Class lists as tables: CSV and TSV, with a line of headings or without."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from ovseg_jax.vocabulary.class_list import VocabularyError
from ovseg_jax.vocabulary.class_rows import Reading, Row, clean_names, ordered_by_number
from ovseg_jax.vocabulary.text_files import Line

NAME_HEADINGS = (
    *("name", "names", "class", "classes", "class name", "category", "category name"),
    *("display name", "label", "labels", "label name", "title"),
)
"""Headings of the column with the names, the surest first."""
ID_HEADINGS = ("id", "index", "idx", "class id", "category id", "label id", "number", "no", "nr")
SYNONYM_HEADINGS = ("synonyms", "synonym", "aliases", "alias")
_INTEGER = re.compile(r"\s*-?\d+\s*")

Cells = tuple[int, list[str]]
"""Line number, and the cells of the row."""


def read_table(lines: Sequence[Line], source: str, delimiter: str = "") -> Reading:
    """Reads classes from the rows of a table.

    With headings, the names stand in the column that says so, and ids beside them put the classes
    in order. Without, a first column of integers is the id and the other cells are synonyms. A cell
    may hold synonyms of its own, with `,` or `;` between them.

    Args:
        lines: See `text_files.content_lines`.
        source: Named in errors.
        delimiter: What parts the cells; found in the first line if empty.

    Raises:
        VocabularyError: No column is known to hold names, or a row does not fit the headings.
    """
    rows = _cells(lines, source, delimiter or _delimiter(lines))
    if not rows:
        return Reading(())
    headings = [_heading(cell) for cell in rows[0][1]]
    name = _column(headings, NAME_HEADINGS)
    if name is None:
        return ordered_by_number(_without_headings(rows, source), source)
    return ordered_by_number(_with_headings(rows[1:], headings, name, source), source)


def is_table(lines: Sequence[Line]) -> bool:
    """Whether lines without a telling file ending are one: known headings, or an id in each row."""
    if not lines or (delimiter := _delimiter(lines)) not in lines[0].text:
        return False
    cells = [[cell.strip() for cell in line.text.split(delimiter)] for line in lines]
    first = {_heading(cell) for cell in cells[0]}
    known = {*NAME_HEADINGS, *ID_HEADINGS, *SYNONYM_HEADINGS}
    if first <= known or not (first.isdisjoint(NAME_HEADINGS) or first.isdisjoint(ID_HEADINGS)):
        return True
    numbered = [len(row) > 1 and bool(_INTEGER.fullmatch(row[0])) for row in cells]
    return all(numbered[1:]) and (numbered[0] or len(numbered) > 1)  # the first may be headings


def _delimiter(lines: Sequence[Line]) -> str:
    """The sign that is most frequent in the first line; a tab goes before all others."""
    first = lines[0].text if lines else ""
    return "\t" if "\t" in first else max(",;", key=first.count)


def _cells(lines: Sequence[Line], source: str, delimiter: str) -> list[Cells]:
    text = "\n".join(line.text for line in lines)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows, begin = [], 0
    try:
        for cells in reader:
            number, begin = lines[min(begin, len(lines) - 1)].number, reader.line_num
            if any(cell.strip() for cell in cells):
                rows.append((number, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise VocabularyError(
            f"{source}: line {lines[min(begin, len(lines) - 1)].number}: no CSV: {error}"
        ) from None
    return rows


def _heading(cell: str) -> str:
    return re.sub(r"[\s_-]+", " ", cell).strip().casefold()


def _column(headings: Sequence[str], known: Sequence[str]) -> int | None:
    return next((headings.index(name) for name in known if name in headings), None)


def _with_headings(rows: Sequence[Cells], headings: list[str], name: int, source: str) -> Reading:
    _check_widths(rows, len(headings), source)
    number, more = _column(headings, ID_HEADINGS), _column(headings, SYNONYM_HEADINGS)
    if number is not None and not all(_INTEGER.fullmatch(cells[number]) for _, cells in rows):
        number = None
    found = []
    for line, cells in rows:
        further = [] if more is None else _split(cells[more])
        names = clean_names([*_split(cells[name]), *further])
        if not cells[name] or not names:
            raise VocabularyError(f"{source}: line {line}: no name in column {headings[name]!r}")
        identifier = None if number is None else int(cells[number])
        found.append(Row(names, f"line {line}", number=identifier))
    unread = [h for n, h in enumerate(headings) if n not in (name, number, more)]
    remarks = [f"column {headings[name]!r}"]
    remarks += [f"not read: {', '.join(map(repr, unread))}"] if unread else []
    return Reading(tuple(found), tuple(remarks))


def _without_headings(rows: Sequence[Cells], source: str) -> Reading:
    has_ids = all(len(cells) > 1 and _INTEGER.fullmatch(cells[0]) for _, cells in rows)
    if not has_ids and _has_numbers(rows[1:]):
        raise VocabularyError(
            f"{source}: line {rows[0][0]}: the columns are {', '.join(map(repr, rows[0][1]))}; "
            "call the one with the names 'name', and one with ids 'id'"
        )
    found = []
    for line, cells in rows:
        names = clean_names(name for cell in cells[has_ids:] for name in _split(cell))
        if not names:
            raise VocabularyError(f"{source}: line {line}: no name")
        found.append(Row(names, f"line {line}", number=int(cells[0]) if has_ids else None))
    remark = "ids, then names" if has_ids else "no headings: each row is a class"
    return Reading(tuple(found), (remark,))


def _has_numbers(rows: Sequence[Cells]) -> bool:
    return any(_INTEGER.fullmatch(cell) for _, cells in rows for cell in cells)


def _check_widths(rows: Sequence[Cells], width: int, source: str) -> None:
    for line, cells in rows:
        if len(cells) < width:
            cells += [""] * (width - len(cells))
        if any(cells[width:]):
            raise VocabularyError(
                f"{source}: line {line}: {len(cells)} cells under {width} headings; put quotes "
                "around names with commas"
            )


def _split(cell: str) -> list[str]:
    return re.split(r"[,;]", cell)
