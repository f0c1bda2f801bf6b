"""What a run says while it works: scalars on disk, a progress bar, or plain lines in a log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jax
import rich.progress

from ovseg_jax.foundation.errors import printable
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.numbers import Numbers
from ovseg_jax.training.speed import Speed


def say(text: str) -> None:
    """Prints a line for the user, on process 0, beside the numbers."""
    if jax.process_index() == 0:
        print(f"ovseg: {printable(text)}", file=sys.stderr, flush=True)


class TrainingReport:
    """Writes scalars through clu on process 0 and shows progress when talking to a terminal.

    Attributes:
        speed: Measures the steps between two reports.
    """

    def __init__(
        self,
        workdir: Path,
        num_steps: int,
        first: int,
        every: int,
        goodput: Goodput,
        numbers: Numbers,
    ):
        """Opens the writers of a run that starts after step `first`."""
        from clu import metric_writers

        self._writer = metric_writers.create_default_writer(
            str(workdir), just_logging=jax.process_index() > 0, asynchronous=False
        )
        self._every, self._num_steps, self._numbers = every, num_steps, numbers
        self.speed, self._goodput = Speed(goodput), goodput
        self._waiting: tuple[int, dict[str, Any]] | None = None
        columns = (
            "[progress.description]{task.description}",
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.fields[speed]}"),
            rich.progress.TimeRemainingColumn(),
        )
        self._quiet = sys.stderr.isatty() or jax.process_index() > 0
        self._bar = rich.progress.Progress(*columns, disable=not sys.stderr.isatty())
        self._bar.start()
        self._task = self._bar.add_task("training", total=num_steps, completed=first, speed="")

    def scalars(self, number: int, metrics: dict[str, Any]) -> bool:
        """Notes the metrics of a step; they are read one report later.

        Reading a number waits for its step, so a step's numbers are fetched only after later
        steps were dispatched, and the device never idles for them.

        Returns:
            Whether the step is one of those that are reported.
        """
        self._bar.update(self._task, completed=number)
        if number % self._every and number != self._num_steps:
            return False
        self._flush()
        self._waiting = (number, metrics | self.speed.since_last())
        return True

    def evaluation(self, number: int, results: dict[str, float]) -> None:
        """Writes the results of an evaluation."""
        self._flush()
        self._say(number, results)
        self._writer.write_scalars(number, results)
        self._writer.flush()
        self._numbers.note(number, results)

    def close(self) -> None:
        """Writes what is left and ends the progress line."""
        self._goodput.write()
        self._flush()
        self._writer.flush()
        self._bar.stop()

    def _flush(self) -> None:
        if self._waiting is None:
            return
        number, metrics = self._waiting
        self._waiting = None
        values = {f"train/{name}": float(value) for name, value in metrics.items()}
        if seconds := values.get("train/seconds_per_step"):
            self._bar.update(self._task, speed=f"{seconds:.3g} s/step")
        self._writer.write_scalars(number, values)
        self._numbers.note(number, values)
        self._say(number, values)

    def _say(self, number: int, values: dict[str, float]) -> None:
        """Prints a line where there is no terminal to draw a bar on."""
        if self._quiet:
            return
        numbers = "  ".join(
            f"{name.split('/', 1)[-1]} {value:.4g}" for name, value in values.items()
        )
        print(f"step {number}/{self._num_steps}  {numbers}", file=sys.stderr, flush=True)
