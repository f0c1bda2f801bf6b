"""All files of an evaluation: JSON, tables, the report, and the sums of photos."""

from __future__ import annotations

import csv
import io
import math

from ovseg_jax.evaluation import protocol
from ovseg_jax.evaluation.photo_sums import PhotoSums
from ovseg_jax.evaluation.report.page import kinds, page
from ovseg_jax.evaluation.result import Result
from ovseg_jax.evaluation.score_table import markdown, markdown_table

PHOTOS = ".photos.npz"
ENDINGS = (".json", ".csv", ".md", ".html", PHOTOS)
"""Behind the name of an evaluation."""


def contents(result: Result, name: str) -> dict[str, bytes]:
    """Returns the content of each file, by its ending.

    Args:
        result: What was found.
        name: Of the evaluation.
    """
    texts = {
        ".json": protocol.to_json(result.card, result.table, result.classes()),
        ".csv": class_table(result),
        ".md": summary(result, name),
        ".html": page(result, name),
    }
    found = {ending: text.encode("utf-8", "backslashreplace") for ending, text in texts.items()}
    buffer = io.BytesIO()
    (result.photos or PhotoSums((), len(result.names), {})).save(buffer)
    return found | {PHOTOS: buffer.getvalue()}


def class_table(result: Result) -> str:
    """Returns CSV with a line for each class: fractions, and nothing where none can be given."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["class", "kind", *result.rows])
    for index, name in enumerate(result.names):
        values = [float(row[index]) for row in result.rows.values()]
        numbers = ["" if math.isnan(value) else f"{value:.6g}" for value in values]
        writer.writerow([name, " ".join(kinds(result, index)), *numbers])
    return buffer.getvalue()


def summary(result: Result, name: str) -> str:
    """Returns Markdown with the scores and the protocol behind them."""
    card = markdown([["protocol", ""], *map(list, result.card.rows())])
    title = " ".join(name.split())
    return f"# {title}\n\n{markdown_table(result.table)}\n\n{card}\n"
