"""A run as one HTML file that needs nothing else: curves, the same photos over time, the settings.

It is written anew behind every evaluation and at the end, from what lies in the run's folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ovseg_jax.config import Config
from ovseg_jax.disk.atomic import write_atomically
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.disk.run_layout import GOODPUT, PAGE, result_file
from ovseg_jax.evaluation.report import style
from ovseg_jax.evaluation.report.markup import Markup, element, table
from ovseg_jax.foundation import trees
from ovseg_jax.training.curves import curve
from ovseg_jax.training.numbers import Curves, read_curves
from ovseg_jax.training.samples import read_samples

THROUGHPUT = ("seconds_per_step", "images_per_second", "tflops", "mfu", "input_wait")
"""Numbers of speed; the others of "train/" are the objective's."""
HEADLINES = ("mIoU", "PQ", "AP", "accuracy")
"""Scores with a curve of their own."""
COLUMNS = 6
"""Steps whose answers are shown; the first and the last are among them."""
CSS = """
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem; }
figure.curve figcaption { font-size: 13px; } polyline.curve { fill: none; stroke: var(--bar);
  stroke-width: 1.5; } rect.frame { fill: none; stroke: var(--line); }
table.samples img { display: block; width: 9rem; height: auto; }
table.samples th, table.samples td { padding: .2rem; text-align: center; font-size: 12px; }
"""


def write_page(workdir: Path, config: Config, number: int) -> None:
    """Writes the page of a run.

    Args:
        workdir: Its folder.
        config: Its settings.
        number: Steps that are done.
    """
    text = page(workdir, config, number).encode()
    write_atomically(workdir / PAGE, lambda file: file.write(text))


def page(workdir: Path, config: Config, number: int) -> str:
    """Returns the page; see `write_page`."""
    curves = read_curves(workdir)
    parts = [
        element("h1", workdir.name),
        element("p", _about(config, number), class_="note"),
        *_section("Objective", _plots(curves, _is_objective)),
        *_section("Scores", _plots(curves, _is_headline)),
        *_section("Throughput", _plots(curves, _is_throughput), *_goodput(workdir)),
        *(part for item in config.evaluations for part in _evaluation(workdir, item.name, curves)),
        element("h2", "Settings"),
        element("details", element("summary", "all fields"), _settings(config)),
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{workdir.name}: training"),
        element("style", Markup(style.CSS + CSS)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, element('body', *parts), lang='en')}\n"


def _about(config: Config, number: int) -> str:
    method, data = config.model.method.kind, config.data
    return (
        f"{method} on {data.name or 'no data'}, step {number:,} of {config.num_steps:,}, "
        f"{data.batch_size} images a step"
    )


def _section(title: str, plots: list[Markup], *more: Markup) -> list[Markup]:
    if not plots and not more:
        return []
    return [element("h2", title), element("div", *plots, class_="curves"), *more]


def _plots(curves: Curves, wanted: Any) -> list[Markup]:
    return [
        curve(name.removeprefix("train/"), curves[name]) for name in sorted(curves) if wanted(name)
    ]


def _is_throughput(name: str) -> bool:
    return name.startswith("train/") and name.removeprefix("train/").startswith(THROUGHPUT)


def _is_objective(name: str) -> bool:
    return name.startswith("train/") and not _is_throughput(name) and name != "train/finite"


def _is_headline(name: str) -> bool:
    return not name.startswith("train/") and name.split("/")[-1] in HEADLINES


def _goodput(workdir: Path) -> list[Markup]:
    """Where the time of all launches went."""
    try:
        launches = json.loads((workdir / GOODPUT).read_text(encoding="utf-8"))["launches"]
        phases = list(launches[0]["seconds"])
        rows = [
            (each["began"], each["first"], each["last"], *(each["seconds"][p] for p in phases))
            for each in launches
        ]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return []
    header = ("launch", "from step", "to step", *(f"{phase}, s" for phase in phases))
    return [element("div", table(header, rows), class_="wide")]


def _evaluation(workdir: Path, name: str, curves: Curves) -> list[Markup]:
    steps = sorted(
        {step for key, some in curves.items() if key.startswith(f"{name}/") for step, _ in some}
    )
    parts = [*_scores(name, curves, steps), *_samples(workdir, name), *_card(workdir, name, steps)]
    return [element("h2", f"Evaluation {name}"), *parts] if parts else []


def _scores(name: str, curves: Curves, steps: list[int]) -> list[Markup]:
    """A row for each number, a column for each step."""
    if not steps:
        return []
    keys = [key for key in sorted(curves) if key.startswith(f"{name}/")]
    chosen = _some(steps)
    rows = []
    for key in keys:
        by_step = dict(curves[key])
        scores = (_score(key, by_step.get(step)) for step in chosen)
        rows.append((key.removeprefix(f"{name}/"), *scores))
    header = ("percent", *(f"step {step:,}" for step in chosen))
    return [element("div", table(header, rows), class_="wide")]


def _samples(workdir: Path, name: str) -> list[Markup]:
    """The same photos over time: the photo, its truth, and the answers behind some steps."""
    fixed, answers = read_samples(workdir, name)
    chosen = _some(list(answers))
    if not fixed or not chosen:
        return []
    by = next(iter(answers.values())).get("by", "")
    head = element("tr", *(element("th", x) for x in ("photo", "truth", *map(_step, chosen))))
    lines = [
        element(
            "tr",
            element("td", _picture(photo["photo"], photo["name"]), photo["name"]),
            element("td", _picture(photo["truth"], "truth")),
            *(element("td", *_answer(answers[step], row, by)) for step in chosen),
        )
        for row, photo in enumerate(fixed)
    ]
    body = element("table", element("thead", head), element("tbody", *lines), class_="samples")
    return [element("h3", "The same photos over time"), element("div", body, class_="wide")]


def _answer(content: Mapping[str, Any], row: int, by: str) -> Iterable[object]:
    answers = content.get("answers", [])
    if row >= len(answers):
        return ("-",)
    return _picture(answers[row]["picture"], "answer"), f"{by} {_percent(answers[row]['score'])}"


def _card(workdir: Path, name: str, steps: list[int]) -> list[Markup]:
    """The protocol behind the newest scores."""
    for step in reversed(steps):
        try:
            content = json.loads(result_file(workdir, name, step).read_text(encoding="utf-8"))
            rows = [(key.replace("_", " "), value) for key, value in content["protocol"].items()]
        except (OSError, ValueError, KeyError, AttributeError):
            continue
        words = table(("field", "value"), rows, class_="words")
        return [element("details", element("summary", "protocol"), words)]
    return []


def _settings(config: Config) -> Markup:
    flat = trees.flatten(to_dict(config))
    rows = [(name.replace("/", "."), json.dumps(value)) for name, value in flat.items()]
    return table(("field", "value"), rows, class_="words")


def _some(steps: list[int]) -> list[int]:
    """A few steps, spread evenly, the first and the last among them."""
    if len(steps) <= COLUMNS:
        return steps
    last = len(steps) - 1
    return [steps[round(number * last / (COLUMNS - 1))] for number in range(COLUMNS)]


def _step(step: int) -> str:
    return f"step {step:,}"


def _picture(source: str, text: str) -> Markup:
    return element("img", src=source, alt=text)


def _score(key: str, value: float | None) -> str:
    """A share as percent; how many masks there were as it is."""
    is_count = key.endswith("/masks") and value is not None
    return f"{value:,.0f}" if is_count else _percent(value)


def _percent(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{100 * value:.2f}"
