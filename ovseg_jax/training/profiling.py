"""A trace of a few steps for TensorBoard, XProf or Perfetto, by JAX's own profiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from ovseg_jax.disk.run_layout import PROFILE
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.training.report import say


class ProfileError(OvsegError, ValueError):
    """What was asked for is no range of steps."""


def steps_of(text: str, num_steps: int) -> range:
    """Reads "20:25", both ends included.

    Args:
        text: What was given.
        num_steps: Of the run.

    Raises:
        ProfileError: It is something else, or begins behind the last step.
    """
    first, colon, last = text.partition(":")
    if not colon or not (first.isdigit() and last.isdigit()) or not 0 < int(first) <= int(last):
        raise ProfileError(f"--profile {text}: give first and last step, such as 20:25")
    if int(first) > num_steps:
        raise ProfileError(f"--profile {text}: the run has {num_steps} steps")
    return range(int(first), int(last) + 1)


class Profile:
    """Traces some steps into `profile/` of the run's folder, each host its own."""

    def __init__(self, steps: range, workdir: Path):
        """Notes which steps; none for an empty range."""
        self._steps, self._folder, self._runs = steps, workdir / PROFILE, False

    def before(self, number: int) -> None:
        """Starts the trace if `number` is the first of its steps that is done here."""
        if number in self._steps and not self._runs:
            jax.profiler.start_trace(self._folder)
            self._runs = True

    def behind(self, number: int, metrics: dict[str, Any]) -> None:
        """Ends the trace behind its last step, for whose end it waits."""
        if self._runs and number + 1 not in self._steps:
            jax.block_until_ready(metrics)
            self.close()

    def close(self) -> None:
        """Ends a trace that is under way."""
        if self._runs:
            jax.profiler.stop_trace()
            self._runs, self._steps = False, range(0)
            say(f"profile written to {self._folder}; open it with TensorBoard or ui.perfetto.dev")
        elif self._steps:
            first, last = self._steps[0], self._steps[-1]
            say(f"--profile {first}:{last}: none of these steps was done here, nothing is traced")
            self._steps = range(0)
