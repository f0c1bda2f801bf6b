"""What a run shows while it works: a line for each report, a live view on terminals, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import jax

from ovseg_jax.config import Config
from ovseg_jax.foundation import terminal
from ovseg_jax.training.goodput import Goodput


class View(Protocol):
    """Where numbers appear; all that is given is on the host already."""

    def numbers(self, number: int, values: Mapping[str, float]) -> None:
        """Shows the numbers of step `number`, by "train/name"."""

    def photos(self, name: str, seen: int, total: int) -> None:
        """Says how far an evaluation is; a total of 0 is unknown."""

    def scores(self, number: int, name: str, scores: Mapping[str, float]) -> None:
        """Shows what an evaluation of step `number` found, by "metric/score"."""


class Silence:
    """Shows nothing: hosts but the first."""

    def numbers(self, number: int, values: Mapping[str, float]) -> None:
        """Shows nothing."""

    def photos(self, name: str, seen: int, total: int) -> None:
        """Shows nothing."""

    def scores(self, number: int, name: str, scores: Mapping[str, float]) -> None:
        """Shows nothing."""


class Lines(Silence):
    """Prints a line for each report and each evaluation, for logs."""

    def __init__(self, num_steps: int):
        """Prepares lines of a run of so many steps."""
        self._num_steps = num_steps

    def numbers(self, number: int, values: Mapping[str, float]) -> None:
        """Prints numbers without the name's first part."""
        shown = "  ".join(f"{name.split('/', 1)[-1]} {value:.4g}" for name, value in values.items())
        print(f"step {number}/{self._num_steps}  {shown}", file=sys.stderr, flush=True)

    def scores(self, number: int, name: str, scores: Mapping[str, float]) -> None:
        """Prints scores as numbers of a step."""
        self.numbers(number, {f"{name}/{key}": value for key, value in scores.items()})


def open_view(
    progress: terminal.Progress, config: Config, goodput: Goodput
) -> AbstractContextManager[View]:
    """Opens what shows a run, on the first host.

    Args:
        progress: How.
        config: The experiment.
        goodput: The run's clock, which tells step and phase.
    """
    if jax.process_index() > 0:
        return nullcontext(Silence())
    if not terminal.is_live(progress):
        return nullcontext(Lines(config.num_steps))
    from ovseg_jax.training.live import LiveView, terminal_console
    from ovseg_jax.training.optimizer import learning_rates

    rates = learning_rates(config.optimizer, config.num_steps)
    return LiveView(goodput, config.num_steps, rates, terminal_console(progress))
