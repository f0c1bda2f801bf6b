"""The flat table of scores, laid out: groups of classes down, metrics across, an evaluator each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

ALL = "all"
GROUPS = ("seen", "unseen", "things", "stuff") + tuple(
    f"{kind}_{known}" for kind in ("things", "stuff") for known in ("seen", "unseen")
)
"""Groups of `evaluator.class_groups`, in the order of the rows."""
COUNTS = ("masks", "pixels")
"""Numbers that are no fractions."""


@dataclasses.dataclass(frozen=True)
class Block:
    """The scores of one evaluator.

    Attributes:
        title: Its name; empty where names have no prefix.
        metrics: Columns.
        rows: By group, "all" first; None where a group has no such number.
    """

    title: str
    metrics: tuple[str, ...]
    rows: Mapping[str, tuple[float | None, ...]]

    def cells(self) -> list[list[str]]:
        """The text of each cell, the header first."""
        lines = [[self.title, *self.metrics]]
        for group, values in self.rows.items():
            named = zip(self.metrics, values, strict=True)
            lines.append([group, *("" if v is None else number(name, v) for name, v in named)])
        return lines


def blocks(scores: Mapping[str, float]) -> list[Block]:
    """Sorts scores by "evaluator/metric/group" into blocks, in the order in which they come."""
    sorted_in: dict[str, dict[str, dict[str, float]]] = {}
    for key, value in scores.items():
        parts = key.split("/")
        group = parts.pop() if parts[-1] in GROUPS and len(parts) > 1 else ALL
        metric = parts.pop()
        sorted_in.setdefault("/".join(parts), {}).setdefault(metric, {})[group] = value
    return [_block(title, columns) for title, columns in sorted_in.items()]


def _block(title: str, columns: Mapping[str, Mapping[str, float]]) -> Block:
    present = {group for values in columns.values() for group in values}
    rows = [group for group in (ALL, *GROUPS) if group in present]
    table = {row: tuple(values.get(row) for values in columns.values()) for row in rows}
    return Block(title, tuple(columns), table)


def number(metric: str, value: float) -> str:
    """Writes a fraction as percentage, a count as it is, and NaN as a dash."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if metric.rsplit("/", 1)[-1] in COUNTS else f"{100 * value:.2f}"


def text_table(scores: Mapping[str, float]) -> str:
    """Renders scores for a terminal."""
    return "\n\n".join(aligned(block.cells()) for block in blocks(scores))


def markdown_table(scores: Mapping[str, float]) -> str:
    """Renders scores as tables of Markdown."""
    return "\n\n".join(markdown(block.cells()) for block in blocks(scores))


def aligned(cells: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Aligns cells: the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        padded = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append(indent + "  ".join([f"{first:<{widths[0]}}", *padded]).rstrip())
    return "\n".join(lines)


def markdown(cells: Sequence[Sequence[str]]) -> str:
    """Renders cells as a table of Markdown, the header first."""
    header, *rows = ([_escaped(cell) for cell in line] for line in cells)
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))


def _escaped(cell: str) -> str:
    for letter in "\\`*_[]<>|":
        cell = cell.replace(letter, f"\\{letter}")
    return " ".join(cell.split())
