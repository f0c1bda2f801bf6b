"""The report as one HTML file that needs nothing else: no network, no other files."""

from __future__ import annotations

import math

import numpy as np

from ovseg_jax.evaluation.report import plots, style
from ovseg_jax.evaluation.report.confusions import confused_classes, most_confused, shares
from ovseg_jax.evaluation.report.markup import Markup, element, table
from ovseg_jax.evaluation.report.photos import photo_section
from ovseg_jax.evaluation.result import Result
from ovseg_jax.evaluation.score_table import COUNTS, GROUPS, blocks, number
from ovseg_jax.foundation.errors import counted
from ovseg_jax.vocabulary.palette import palette_color

HEADLINES = ("semantic/mIoU", "panoptic/PQ", "instance/AP", "mask_accuracy/accuracy")
"""The number of each evaluator that is shown large."""
PLOTTED = ("semantic/IoU", "panoptic/PQ", "instance/AP", "mask_accuracy/accuracy")
"""Numbers of classes; the first that there are decide the plot and the order of the table."""


def page(result: Result, name: str) -> str:
    """Returns the report.

    Args:
        result: What was found.
        name: Of the evaluation.
    """
    card = result.card
    about = f"{card.dataset}, {card.images} photos, {card.method}, weights {card.weights}"
    parts = [
        element("h1", name),
        element("p", about, class_="note"),
        _headlines(result),
        element("h2", "Scores"),
        *(element("div", _scores(cells), class_="wide") for cells in _blocks(result)),
        element("h2", "Protocol"),
        table(("field", "value"), card.rows(), class_="words"),
        *_classes(result),
        *_confusions(result),
        *_worst(result),
        element("script", Markup(style.SORTING)),
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{name}: {card.dataset}"),
        element("style", Markup(style.CSS)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', *parts), lang='en')}\n"


def _headlines(result: Result) -> Markup:
    cards = []
    for key in HEADLINES:
        if key in result.table:
            groups = [g for g in GROUPS[:4] if f"{key}/{g}" in result.table]
            lines = [f"{g} {number(key, result.table[f'{key}/{g}'])}" for g in groups]
            small = [element("div", element("small", line)) for line in lines]
            value = element("b", number(key, result.table[key]))
            cards.append(element("div", key.replace("/", " "), value, *small, class_="card"))
    return element("div", *cards, class_="cards")


def _blocks(result: Result) -> list[list[list[str]]]:
    return [block.cells() for block in blocks(result.table)]


def _scores(cells: list[list[str]]) -> Markup:
    return table(cells[0], cells[1:])


def _plotted(result: Result) -> str:
    return next((key for key in PLOTTED if key in result.rows), "")


def _classes(result: Result) -> list[Markup]:
    key = _plotted(result)
    if not key:
        return []
    unseen = result.groups.get("unseen")
    names = [("bar", "seen in training"), ("second", "unseen")]
    legend = [element("span", element("i", "", class_=kind), f"{text}  ") for kind, text in names]
    note = "The worst come first; a click on a heading sorts by it. A dash: nothing to judge."
    return [
        element("h2", f"Classes by {key.replace('/', ' ')}"),
        element("p", *legend, class_="key") if unseen is not None else Markup(),
        plots.bars(result.names, result.rows[key], unseen),
        element("p", note, class_="note"),
        element("div", _class_table(result, key), class_="wide"),
        *_absent(result),
    ]


def _judged(result: Result) -> np.ndarray:
    """Classes that have at least one fraction."""
    shares = [row for name, row in result.rows.items() if name.split("/")[-1] not in COUNTS]
    return np.asarray(np.isfinite(shares).any(0))


def _class_table(result: Result, key: str) -> Markup:
    """A line for each class that was judged, the worst first."""
    order = np.argsort(np.nan_to_num(result.rows[key], nan=math.inf), kind="stable")
    split = [metric.rpartition("/")[::2] for metric in result.rows]
    named = [(element("small", one.replace("_", " ")), metric) for one, metric in split]
    columns = list(zip([metric for _, metric in split], result.rows.values(), strict=True))
    lines = [
        element(
            "tr",
            element("th", result.names[index], scope="row"),
            element("td", ", ".join(kinds(result, index)), class_="kind"),
            *(_value(metric, float(row[index])) for metric, row in columns),
        )
        for index in order[_judged(result)[order]].tolist()
    ]
    header = [("class",), ("kind",), *named]
    head = element("tr", *(element("th", *content, scope="col") for content in header))
    return element("table", element("thead", head), element("tbody", *lines), class_="classes")


def _absent(result: Result) -> list[Markup]:
    names = [result.names[index] for index in np.flatnonzero(~_judged(result))]
    if not names:
        return []
    title = element("summary", f"{counted(len(names), 'class', 'es')} without anything to judge")
    return [element("details", title, element("p", ", ".join(names), class_="note"))]


def kinds(result: Result, index: int) -> list[str]:
    """The groups of a class, such as "seen" and "things"."""
    return [group for group in GROUPS[:4] if group in result.groups and result.groups[group][index]]


def _value(metric: str, value: float) -> Markup:
    """A cell with a bar below its number."""
    if math.isnan(value):
        return element("td", "-", data_value="")
    text = number(metric, value)
    if metric in COUNTS:
        return element("td", text, data_value=text)
    bar = element("i", "", style=f"width:{100 * value:.1f}%")
    return element("td", text, element("span", bar, class_="track"), data_value=f"{value:.6f}")


def _confusions(result: Result) -> list[Markup]:
    pairs = [] if result.confusion is None else most_confused(result.confusion)
    if result.confusion is None or not pairs:
        return []
    chosen = confused_classes(result.confusion)
    names = [result.names[index] for index in chosen]
    rows = [
        (result.names[p.true], result.names[p.predicted], f"{100 * p.share:.1f} %", p.pixels)
        for p in pairs
    ]
    note = "Percent of the pixels of each true class, a row, that were given the class of a column."
    return [
        element("h2", "Most confused classes"),
        element("p", note, class_="note"),
        plots.cells(names, shares(result.confusion, chosen)),
        table(("is", "was called", "share", "pixels"), rows, class_="pairs"),
    ]


def _worst(result: Result) -> list[Markup]:
    if not result.worst:
        return []
    colors = result.colors
    if colors is None:
        colors = np.array([palette_color(index) for index in range(len(result.names))], np.uint8)
    by = result.worst_by
    shown = [photo_section(photo, result.names, colors, by) for photo in result.worst]
    return [element("h2", f"Worst photos by their own {by}"), *shown]
