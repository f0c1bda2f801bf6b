"""The scores of an evaluation as one table for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from ovseg_jax.evaluation.score_table import ALL, COUNTS, GROUPS, Block, blocks, number

CELL = 9
"""Columns of the terminal for a number, the gap included: "things_seen" is broken in two."""
CHANGE = "change"


def terminal_table(
    title: str, scores: Mapping[str, float], before: Mapping[str, float], width: int
) -> Table:
    """Lays out scores: a row each, groups of classes across.

    Args:
        title: Above the table.
        scores: Fractions by "evaluator/metric/group".
        before: Those of an earlier evaluation, with which they are compared; may be empty.
        width: Columns of the terminal. Groups that do not fit are left out, the finest first.
    """
    found = blocks(scores)
    labels = max((len(_label(block, name)) for block in found for name in block.metrics), default=0)
    groups = _fitting(found, (width - labels) // CELL - 1 - bool(before))
    name = Text(title, style="bold not italic")
    table = Table(title=name, title_justify="left", box=None, pad_edge=False)
    table.add_column("percent", no_wrap=True, style="dim")
    for group in groups:
        header = group.replace("_", " ")
        table.add_column(header, justify="right", style="bold" if group == ALL else "")
    if before:
        table.add_column(CHANGE, justify="right", style="dim")
    for block in found:
        for place, name in enumerate(block.metrics):
            cells = [_cell(block, group, place) for group in groups]
            key = f"{block.title}/{name}" if block.title else name
            change = [_change(name, scores[key], before.get(key))] if before else []
            table.add_row(_label(block, name), *cells, *change)
    return table


def _label(block: Block, metric: str) -> str:
    return f"{block.title} {metric}".strip().replace("/", " ")


def _fitting(found: list[Block], room: int) -> list[str]:
    """All classes, and as many of the groups as there is room for."""
    present = {group for block in found for group in block.rows}
    return [group for group in (ALL, *GROUPS) if group in present][: max(room + 1, 1)]


def _cell(block: Block, group: str, place: int) -> str:
    values = block.rows.get(group)
    value = values[place] if values else None
    return "" if value is None else number(block.metrics[place], value)


def _change(metric: str, value: float, before: float | None) -> str:
    if before is None or math.isnan(value - before) or metric.rsplit("/", 1)[-1] in COUNTS:
        return ""
    return f"{100 * (value - before):+.2f}"
