"""What happens behind each step: numbers reported, checked, saved, scored; and whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jax.sharding import Mesh

from ovseg_jax.config import Config
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.training.agreement import Agreement
from ovseg_jax.training.checkpoint import Run
from ovseg_jax.training.evaluations import Evaluations
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.health import Watch
from ovseg_jax.training.report import TrainingReport, say
from ovseg_jax.training.speed import Work
from ovseg_jax.training.state import TrainState
from ovseg_jax.training.stopping import Interruption, StopRequest


class Keeper:
    """Keeps what the steps of a run produce.

    Attributes:
        goodput: The run's clock.
        stop: Whether somebody asked the run to end.
    """

    def __init__(
        self,
        config: Config,
        run: Run,
        report: TrainingReport,
        evaluations: Evaluations,
        goodput: Goodput,
    ):
        """Takes what numbers, states and scores go to; `start` comes next."""
        self._config, self._run, self.goodput = config, run, goodput
        self._report, self._evaluations = report, evaluations
        self._keep_record: Callable[[], None] | None = None

    def start(
        self, state: TrainState, mesh: Mesh, stop: StopRequest, keep_record: Callable[[], None]
    ) -> None:
        """Prepares the checks, and scores the state that a killed run did not come to score.

        Args:
            state: What the run begins with.
            mesh: The device mesh.
            stop: Asked behind every step.
            keep_record: Writes the run's record. One that goes on is changed when its step is
                compiled: values with which that fails bind nobody.
        """
        self.stop = stop
        self._watch = Watch(state.trainable, self._config.optimizer, self._run.newest)
        self._agreement = Agreement(stop, mesh, self._run.is_late)
        first = int(state.step)
        if 0 < first < self._config.num_steps:
            self._keep_record = keep_record
            self._score(first, state)
        else:
            keep_record()

    def compiled(self, work: Work) -> None:
        """Takes note that steps can be done, and of what each has to do."""
        self._report.speed.work = work
        if self._keep_record:
            self._keep_record()

    def step_done(
        self, number: int, state: TrainState, metrics: dict[str, Any], position: int
    ) -> None:
        """Does what is due behind step `number`.

        Args:
            number: The step, counted from 1.
            state: What it left.
            metrics: Its numbers; still being computed.
            position: Of the stream, to go on from there.

        Raises:
            ovseg_jax.training.health.DivergenceError: A step up to this one was not finite.
            ovseg_jax.training.checkpoint.CheckpointError: An earlier save failed.
            Interruption: The state is saved and the run is to end.
            OvsegError: The same, for the reason that `stop` gives.
        """
        numbers = self._watch.note(number, metrics)
        self.goodput.steps += 1
        if self._report.scalars(number, numbers):
            self.goodput.write()
        self.stop.wait_for_steps()
        last = number == self._config.num_steps
        scored = not last and self._evaluations.are_due(number)
        if last or self._run.is_due(number) or (scored and self._config.checkpoint.best):
            self._save(number, state, position)
        if scored:
            self._watch.settle()
            self._score(number, state)
        asked = self._agreement.asked(number)
        if (asked.save or asked.end) and not last:
            self._save(number, state, position)
        if asked.end and not last:
            self.settle()
            raise self._interruption(f"saved behind step {number} of {self._config.num_steps}")

    def settle(self) -> None:
        """Waits until all that was saved is on the disk.

        Raises:
            ovseg_jax.training.checkpoint.CheckpointError: It is not.
        """
        with self.goodput.during("save"):
            self._run.wait()

    def score_final(self, state: TrainState) -> None:
        """Runs the evaluations of the last step, and says where the run's time went.

        Raises:
            Interruption: The run is to end before all of them are done.
        """
        if not self._score(self._config.num_steps, state):
            raise self._interruption("all steps are done, evaluations are left")
        say(self.goodput.table())

    def _score(self, number: int, state: TrainState) -> bool:
        with self.goodput.during("evaluation"):
            return self._evaluations.run_if_due(number, state.params, self._report)

    def _save(self, number: int, state: TrainState, position: int) -> None:
        self._watch.settle()  # nothing that is not finite replaces what is
        with self.goodput.during("save"):
            self._run.save(state, number, position)
        self._agreement.saved(number)

    def _interruption(self, what: str) -> OvsegError:
        return self.stop.error or Interruption(
            f"stopped: {what}; the same command goes on", self.stop.status
        )
