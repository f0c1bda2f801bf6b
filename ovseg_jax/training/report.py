"""What a run says while it works: scalars and pictures on disk, and what its view shows."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from jaxtyping import UInt8
from numpy import ndarray

from ovseg_jax.foundation.errors import printable
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.numbers import Numbers
from ovseg_jax.training.speed import Speed
from ovseg_jax.training.views import View


def say(text: str) -> None:
    """Prints a line for the user, on process 0, beside the numbers."""
    if jax.process_index() == 0:
        print(f"ovseg: {printable(text)}", file=sys.stderr, flush=True)


class TrainingReport:
    """Writes numbers and pictures through clu on process 0, and hands numbers to the view.

    Attributes:
        speed: Measures the steps between two reports.
        view: Shows them.
    """

    def __init__(
        self,
        workdir: Path,
        num_steps: int,
        every: int,
        goodput: Goodput,
        numbers: Numbers,
        view: View,
    ):
        """Opens the writers of a run."""
        from clu import metric_writers

        self._writer = metric_writers.create_default_writer(
            str(workdir), just_logging=jax.process_index() > 0, asynchronous=False
        )
        self._every, self._num_steps, self._numbers = every, num_steps, numbers
        self.speed, self._goodput, self.view = Speed(goodput), goodput, view
        self._waiting: tuple[int, dict[str, Any]] | None = None

    def scalars(self, number: int, metrics: dict[str, Any]) -> bool:
        """Notes the metrics of a step; they are read one report later.

        Reading a number waits for its step, so a step's numbers are fetched only after later
        steps were dispatched, and the device never idles for them.

        Returns:
            Whether the step is one of those that are reported.
        """
        if number % self._every and number != self._num_steps:
            return False
        self._flush()
        self._waiting = (number, metrics | self.speed.since_last())
        return True

    def evaluation(self, number: int, name: str, scores: Mapping[str, float]) -> None:
        """Writes the scores of an evaluation, as "name/metric/score"."""
        self._flush()
        self.view.scores(number, name, scores)
        results = {f"{name}/{key}": value for key, value in scores.items()}
        self._writer.write_scalars(number, results)
        self._writer.flush()
        self._numbers.note(number, results)

    def pictures(self, number: int, pictures: Mapping[str, UInt8[ndarray, "h w 3"]]) -> None:
        """Writes pictures for TensorBoard, each under its name: a slider over steps."""
        self._writer.write_images(number, {name: one[None] for name, one in pictures.items()})
        self._writer.flush()

    def close(self) -> None:
        """Writes what is left."""
        self._goodput.write()
        self._flush()
        self._writer.flush()

    def _flush(self) -> None:
        if self._waiting is None:
            return
        number, metrics = self._waiting
        self._waiting = None
        values = {f"train/{name}": float(value) for name, value in metrics.items()}
        self._writer.write_scalars(number, values)
        self._numbers.note(number, values)
        self.view.numbers(number, values)
