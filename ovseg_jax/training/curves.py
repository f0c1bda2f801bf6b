"""Curves of a run as SVG, drawn by hand: a page needs no other file and no network."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ovseg_jax.evaluation.report.markup import Markup, element

WIDTH, HEIGHT, LEFT, BELOW = 460, 150, 56, 20
MOST_POINTS = 600
"""More points than pixels show nothing more."""


def curve(title: str, points: Sequence[tuple[int, float]]) -> Markup:
    """Draws one number over the steps.

    Args:
        title: Its name.
        points: Step and value, in the order of steps; at least one.
    """
    kept = _thinned(points)
    steps, values = [step for step, _ in kept], [value for _, value in kept]
    low, high = _range([value for _, value in points])
    first, last = steps[0], max(steps[-1], steps[0] + 1)

    def place(step: int, value: float) -> str:
        across = LEFT + (WIDTH - LEFT - 8) * (step - first) / (last - first)
        return f"{across:.1f},{8 + HEIGHT * (high - value) / (high - low):.1f}"

    line = " ".join(place(*point) for point in zip(steps, values, strict=True))
    ends = [(high, 12), (low, 8 + HEIGHT)]
    labels = [
        element("text", f"{value:.4g}", x=LEFT - 6, y=y, class_="end middle") for value, y in ends
    ]
    below = [
        element("text", f"{first:,}", x=LEFT, y=HEIGHT + BELOW + 4),
        element("text", f"{last:,}", x=WIDTH - 8, y=HEIGHT + BELOW + 4, class_="end"),
    ]
    across, up = place(steps[-1], values[-1]).split(",")
    drawing = [
        element("rect", x=LEFT, y=8, width=WIDTH - LEFT - 8, height=HEIGHT, class_="frame"),
        element("polyline", Markup(""), points=line, class_="curve"),
        element("circle", cx=across, cy=up, r=2.5, class_="bar"),
    ]
    said = f"{title}: {values[0]:.4g} to {values[-1]:.4g}"
    picture = element(
        "svg",
        element("title", said),
        *drawing,
        *labels,
        *below,
        viewBox=f"0 0 {WIDTH} {HEIGHT + BELOW + 8}",
        role="img",
        class_="plot",
    )
    caption = element("figcaption", element("b", title), f" {values[-1]:.4g}")
    return element("figure", caption, picture, class_="curve")


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most so many points, the last one among them."""
    step = math.ceil(len(points) / MOST_POINTS)
    return [*points[:-1:step], points[-1]]


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) / 2 or 0.5
        return low - margin, high + margin
    return low, high
