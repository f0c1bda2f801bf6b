"""The legend of an overlay: classes by area in as many columns as fit beside the photo."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ovseg_jax.foundation.errors import first_few, warn
from ovseg_jax.inference.output.fonts import find_font, in_writing_order, missing_letters
from ovseg_jax.inference.results import Answer

SMALLEST, LARGEST = 11, 40
"""Pixels of a letter's body."""
LEAST_WIDTH, LEAST_HEIGHT = 32, 36
"""The legend may be as wide and as high as the photo, and always this many times `SMALLEST`."""
ONE_COLUMN, COLUMNS = 26, 15
"""Widest text in letter bodies, in a single column and in one of several."""
MOST_LETTERS = 200
"""Of a name; what is behind them fits into no legend."""

Colour = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the legend.

    Attributes:
        name: Of a class, or a remark; shortened where it does not fit.
        score: Written behind it, never shortened.
        colour: Of the square before it; None for a remark.
    """

    name: str
    score: str = ""
    colour: Colour | None = None

    @property
    def text(self) -> str:
        """What is drawn."""
        name = in_writing_order(self.name)
        return f"{name}  {self.score}" if self.score else name


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where rows go.

    Attributes:
        size: Pixels of a letter's body.
        columns: The rows of each column.
        column_width: In pixels.
    """

    size: int
    columns: list[list[Row]]
    column_width: int

    @property
    def line(self) -> int:
        """Height of a row in pixels."""
        return int(self.size * 1.5)

    @property
    def margin(self) -> int:
        """Free pixels around all rows."""
        return self.size // 2 + 4

    @property
    def extent(self) -> tuple[int, int]:
        """Width and height in pixels."""
        longest = max(map(len, self.columns))
        width = self.column_width * len(self.columns) + 2 * self.margin
        return width, self.line * longest + 2 * self.margin


def draw_legend(result: Answer, width: int, height: int) -> Image.Image:
    """Draws the legend of an answer.

    Args:
        result: The answer.
        width: Of the photo; the legend is no wider, unless the photo is tiny.
        height: Of the photo; the legend is at least as high, and higher beside tiny photos only.
    """
    return draw_rows(lay_out(class_rows(result), remarks(result), width, height), height)


def draw_rows(layout: Layout, height: int) -> Image.Image:
    """Draws rows where a layout has them, on a picture of at least this height."""
    canvas = Image.new("RGB", (layout.extent[0], max(height, layout.extent[1])), "white")
    draw, size = ImageDraw.Draw(canvas), layout.size
    for column, rows in enumerate(layout.columns):
        for number, row in enumerate(rows):
            left = layout.margin + column * layout.column_width
            top = layout.margin + number * layout.line
            if row.colour is not None:
                box = (left, top, left + size, top + size)
                draw.rectangle(box, fill=row.colour, outline="black")
                left += layout.line
            draw.text((left, top), row.text, fill="black", font=find_font(row.text, size))
    return canvas


def class_rows(result: Answer) -> list[Row]:
    """Returns a row per class that is present, by falling area, with its segments' scores."""
    labels, classes = result.prediction.labels, result.prediction.classes
    entries = result.words.classes.classes
    areas = np.bincount(labels[labels >= 0].ravel(), minlength=len(entries))
    shown = [int(slot) for slot in np.argsort(-areas, kind="stable") if areas[slot]]
    names = [entries[slot].name for slot in shown]
    warn_of_undrawn(result.words.classes.names)
    return [
        Row(
            drawable(name, slot),
            _scores(result.prediction.scores[classes == slot]),
            entries[slot].color,
        )
        for name, slot in zip(names, shown, strict=True)
    ]


def remarks(result: Answer) -> list[str]:
    """Says what the unlabelled part of the photo is."""
    share = float((result.prediction.labels < 0).mean())
    return [f"unlabelled: {100 * share:.0f} % of the photo", *reasons(result)]


def reasons(result: Answer) -> list[str]:
    """Says why pixels are unlabelled."""
    lines, words, settings = [], result.words, result.settings
    if words.background:
        names = words.background_names
        listed = ", ".join(names[:6]) + (f", ... ({len(names)})" if len(names) > 6 else "")
        lines.append(f"  no mask, or background: {listed}")
        if words.is_default:
            lines.append("  (added because words are few; --background none turns it off)")
    else:
        lines.append("  no mask")
    if settings.min_score > 0:
        lines.append(f"  or score below {settings.min_score:g}")
    return lines


def lay_out(rows: Sequence[Row], notes: Sequence[str], width: int, height: int) -> Layout:
    """Finds the largest letters with which all rows fit; else counts those that do not.

    Args:
        rows: Classes, the most important first.
        notes: Written behind them, always.
        width: Of the photo in pixels.
        height: Of the photo in pixels.
    """
    most = int(np.clip(min(height, 1.5 * width) / 28, SMALLEST, LARGEST))
    limits = max(width, LEAST_WIDTH * SMALLEST), max(height, LEAST_HEIGHT * SMALLEST)
    for size in range(most, max(SMALLEST, most // 2) - 1, -1):
        layout, left_out = _fill(rows, notes, size, limits)
        if not left_out:
            break
    return layout


def _fill(
    rows: Sequence[Row], notes: Sequence[str], size: int, limits: tuple[int, int]
) -> tuple[Layout, int]:
    """Puts rows of one size into columns; returns how many found no place."""
    empty = Layout(size, [[]], 0)
    width, height = (limit - 2 * empty.margin for limit in limits)
    room = max(1, height // empty.line)
    fits_in_one = len(rows) + 2 * len(notes) <= room
    widest = (ONE_COLUMN if fits_in_one else COLUMNS) * size
    longest = min(width - 2 * empty.line, widest)
    endings = [Row(line) for note in notes for line in _wrapped(note, longest, size)]
    texts = [_shortened(row, longest, size) for row in rows]
    column = max(_length(row.text, size) for row in [*texts, *endings]) + 2 * empty.line
    places = room * max(1, width // column)
    left_out = max(0, len(texts) + len(endings) - places)
    if left_out:
        kept = max(1, places - len(endings) - 1)
        left_out = len(texts) - kept
        more = Row(f"... and {left_out} more, in the JSON file")
        texts = [*texts[:kept], _shortened(more, longest, size)]
    filled = [*texts, *endings]
    columns = [filled[start : start + room] for start in range(0, len(filled), room)]
    return Layout(size, columns, column), left_out


def drawable(name: str, slot: int) -> str:
    """Returns a name as the fonts can write it: what they lack gives way to the class's number."""
    missing = missing_letters(name)
    if not missing:
        return name
    rest = " ".join("".join(letter for letter in name if letter not in missing).split())
    number = f"class {slot + 1}"
    return f"{number}: {rest}" if any(map(str.isalnum, rest)) else number


@functools.lru_cache(maxsize=16)
def warn_of_undrawn(names: tuple[str, ...]) -> None:
    """Says which names of a vocabulary no font can draw."""
    if undrawn := [name for name in names if missing_letters(name)]:
        warn(
            f"the legend cannot draw {first_few(undrawn, 5)}: no font here has the letters; "
            "it shows the numbers of these classes, and the JSON file their names"
        )


def _shortened(row: Row, width: int, size: int) -> Row:
    """Cuts the name, not the score, until the row fits."""
    name = row.name[:MOST_LETTERS]
    if name == row.name and _length(row.text, size) <= width:
        return row
    low, high = 0, len(name)
    while low < high:
        middle = (low + high + 1) // 2
        shorter = dataclasses.replace(row, name=f"{name[:middle].rstrip()}...")
        low, high = (middle, high) if _length(shorter.text, size) <= width else (low, middle - 1)
    return dataclasses.replace(row, name=f"{name[:low].rstrip()}...")


def _wrapped(text: str, width: int, size: int) -> list[str]:
    """Breaks a remark between words; what follows is indented like its beginning."""
    indent = text[: len(text) - len(text.lstrip())] + "  "
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line.strip() else f"{indent if lines else indent[:-2]}{word}"
        if line.strip() and _length(longer, size) > width:
            lines.append(line)
            longer = indent + word
        line = longer
    return [_shortened(Row(part), width, size).name for part in (*lines, line)]


def _length(text: str, size: int) -> int:
    return int(np.ceil(find_font(text, size).getlength(text)))


def _scores(scores: np.ndarray) -> str:
    best = ", ".join(f"{score:.2f}" for score in sorted(scores, reverse=True)[:3])
    return best if len(scores) <= 3 else f"{best}, ... ({len(scores)})"
