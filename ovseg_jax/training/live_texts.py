"""Numbers of a run as lines that one reads at a glance."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from ovseg_jax.evaluation.score_table import number
from ovseg_jax.foundation.errors import one_line
from ovseg_jax.training.page import HEADLINES, THROUGHPUT

MOST = 6
"""Numbers of the objective that are shown; set criteria have dozens."""
FIRST = ("loss", "gradient_norm")
GAP = "   "
SPEEDS = (
    ("seconds_per_step", 1, "{:.3g}", "s/step"),
    ("images_per_second", 1, "{:.4g}", "images/s"),
    ("input_wait", 100, "{:.0f}%", "input wait"),
    ("tflops_per_device", 1, "{:.3g}", "TFLOP/s/device"),
    ("mfu", 100, "{:.0f}%", "MFU"),
)
"""Numbers of `training.speed`: name, factor, form and unit."""


def clock_time(seconds: float) -> str:
    """Writes seconds as "1:02:03", with days in front where there are some."""
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{f'{days} d ' if days else ''}{hours}:{minutes:02}:{rest:02}"


def numbers_text(values: Mapping[str, float], rate: float) -> Text:
    """The objective's numbers, the loss and the learning rate in front.

    Args:
        values: By "train/name".
        rate: The learning rate.
    """
    own = {name.removeprefix("train/"): value for name, value in values.items()}
    own = {name: v for name, v in own.items() if not name.startswith(THROUGHPUT)}
    first = {name: own.pop(name) for name in FIRST if name in own}
    ordered = [*first.items(), *own.items()]
    shown = [(name, f"{value:.4g}") for name, value in ordered[:MOST]]
    more = [("...", f"{len(ordered) - MOST} more")] if len(ordered) > MOST else []
    return _named([*shown[:1], ("lr", f"{rate:.2e}"), *shown[1:], *more])


def speed_text(values: Mapping[str, float]) -> Text:
    """How fast the run is; empty where nothing was measured yet."""
    own = {name.removeprefix("train/"): value for name, value in values.items()}
    shown = [
        (form.format(own[name] * factor), unit)
        for name, factor, form, unit in SPEEDS
        if name in own and "seconds_per_step" in own
    ]
    return Text(GAP).join(Text.assemble(value, (f" {unit}", "dim")) for value, unit in shown)


def scores_text(title: str, scores: Mapping[str, float]) -> Text:
    """The scores over all classes that people quote, as percent.

    Args:
        title: In front.
        scores: Fractions by "evaluator/metric".
    """
    quoted = [(key, key.split("/")[-1]) for key in scores if key.split("/")[-1] in HEADLINES]
    names = [name for _, name in quoted]
    shown = [
        (name if names.count(name) == 1 else key.replace("/", " "), number(name, scores[key]))
        for key, name in quoted
    ]
    return Text(GAP).join([Text(title), _named(shown)])


def photos_text(name: str, seen: int, total: int, left: float | None) -> str:
    """How far an evaluation is; a total of 0 is unknown."""
    of = f"/{total:,}" if total else ""
    rest = f", {clock_time(left)} left" if left is not None else ""
    return f"evaluating {one_line(name)}, {seen:,}{of} photos{rest}"


def _named(numbers: list[tuple[str, str]]) -> Text:
    """Each number behind its name."""
    return Text(GAP).join(Text.assemble((f"{name} ", "dim"), value) for name, value in numbers)
