"""Plots as SVG: sorted bars of classes, and a picture of confusions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from ovseg_jax.evaluation.report.markup import Markup, element

WIDTH, HEIGHT, MARGIN = 960, 240, 40
NAMED_UP_TO = 60
"""With more classes the names under the bars would not be readable."""
CELL, LETTER = 34, 6.2
"""Pixels of a cell, and of a letter of the names beside the cells."""


def bars(
    names: Sequence[str], values: Float[np.ndarray, " k"], marked: Bool[np.ndarray, " k"] | None
) -> Markup:
    """Draws a bar for each class that has a value, the best first.

    Args:
        names: Of the classes.
        values: Fractions; NaN for none.
        marked: Classes in the second colour.
    """
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(-values[known], kind="stable")]
    step = (WIDTH - MARGIN) / max(len(order), 1)
    shown = [_short(names[index], 20) for index in map(int, order)]
    below = 24 + _room(shown) if len(order) <= NAMED_UP_TO else 12
    content = [_grid_line(level) for level in (0.0, 0.25, 0.5, 0.75, 1.0)]
    for place, index in enumerate(map(int, order)):
        left, height = MARGIN + place * step, HEIGHT * float(values[index])
        kind = "bar second" if marked is not None and marked[index] else "bar"
        title = element("title", f"{names[index]}: {100 * values[index]:.2f}")
        size = {"width": f"{max(step * 0.85, 0.5):.2f}", "height": f"{max(height, 0.5):.2f}"}
        top = f"{10 + HEIGHT - height:.2f}"
        content.append(element("rect", title, x=f"{left:.2f}", y=top, class_=kind, **size))
        if len(order) <= NAMED_UP_TO:
            content.append(_below(shown[place], left + step * 0.6, 16 + HEIGHT))
    box = f"0 0 {WIDTH} {10 + HEIGHT + below}"
    return element("svg", *content, viewBox=box, role="img", class_="plot")


def _grid_line(level: float) -> Markup:
    height = f"{10 + HEIGHT * (1 - level):.1f}"
    line = element("line", x1=MARGIN, x2=WIDTH, y1=height, y2=height, class_="grid")
    text = element("text", f"{100 * level:.0f}", x=MARGIN - 6, y=height, class_="end middle")
    return element("g", line, text)


def _below(name: str, left: float, top: float) -> Markup:
    turned = f"translate({left:.1f} {top}) rotate(-60)"
    return element("text", name, class_="end", transform=turned)


def cells(names: Sequence[str], shares: Float[np.ndarray, "n n"]) -> Markup:
    """Draws shares as cells: true classes down, answers across.

    Args:
        names: Of the classes.
        shares: Of each true class, a row, what got each class.
    """
    content, count = [], len(names)
    shown = [_short(name, 22) for name in names]
    edge = 16 + _room(shown)
    for row in range(count):
        middle = edge + row * CELL + CELL / 2
        content.append(element("text", shown[row], x=edge - 6, y=middle, class_="end middle"))
        turned = f"translate({middle + 4:.1f} {edge - 6}) rotate(-60)"
        content.append(element("text", shown[row], transform=turned))
        content += [_cell(names, shares, (row, column), edge) for column in range(count)]
    side = edge + count * CELL
    return element(
        "svg",
        *content,
        viewBox=f"0 0 {side + 60} {side}",
        role="img",
        class_="plot cells",
        style=f"max-width:{side + 60}px",
    )


def _cell(names: Sequence[str], shares: np.ndarray, place: tuple[int, int], edge: int) -> Markup:
    row, column = place
    share, left, top = float(shares[place]), edge + column * CELL, edge + row * CELL
    title = element("title", f"{names[row]} called {names[column]}: {100 * share:.1f} %")
    kind = "right" if row == column else "wrong"
    box = element(
        "rect",
        title,
        x=left,
        y=top,
        width=CELL - 1,
        height=CELL - 1,
        class_=kind,
        fill_opacity=f"{max(share, 0.03):.3f}",
    )
    if share < 0.005:
        return box
    middle = {"x": left + CELL / 2, "y": top + CELL / 2, "class_": "middle centre"}
    return element("g", box, element("text", f"{100 * share:.0f}", **middle))


def _room(shown: Sequence[str]) -> int:
    """Pixels that the longest name takes."""
    return round(LETTER * max(map(len, shown), default=0))


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}\u2026"
