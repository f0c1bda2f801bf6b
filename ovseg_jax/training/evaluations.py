"""Evaluations during and after training; photos are divided over the devices of all hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np

from ovseg_jax.config import Config, EvaluationConfig
from ovseg_jax.config.experiment import located_evaluations
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.disk.run_layout import EVALUATIONS, result_file
from ovseg_jax.evaluation import protocol
from ovseg_jax.evaluation.configured import own_images
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.foundation.typing import Params
from ovseg_jax.training.page import write_page
from ovseg_jax.training.report import TrainingReport
from ovseg_jax.training.samples import Samples, keep_samples, pictures
from ovseg_jax.training.stopping import StopRequest
from ovseg_jax.training.views import View


class _Stopped(Exception):
    """Leaves an evaluation that nobody waits for; never seen outside of this file."""


class Evaluations:
    """The evaluations that a config asks for, each with its own rhythm."""

    def __init__(self, config: Config, method: object, workdir: Path, stop: StopRequest):
        """Prepares them; results go to `workdir/evaluations/<name>_<step>.json`."""
        self._config, self._workdir, self._stop = config, workdir, stop
        self._suites = [
            (item, Suite(item, config.model, method, Samples))
            for item in located_evaluations(config)
        ]

    def are_due(self, number: int) -> bool:
        """Whether something is due behind step `number` and was not done before."""
        return any(self._due(number))

    def run_if_due(self, number: int, params: Params, report: TrainingReport) -> bool:
        """Runs what is due behind step `number` and was not done before, and reports it.

        Returns:
            Whether all of it is done. One that is left because of a request to stop writes
            nothing, and the next run starts it again.
        """
        for item, suite in self._due(number):
            try:
                name = f"{self._workdir.name}, step {number}"
                on_batch = self._watched(item, report.view)
                result = suite.score(params, name, on_batch, by_photo=True)
            except _Stopped:
                return False
            text = protocol.to_json(result.card, result.table, result.classes()).encode()
            results = OutputFolder(self._workdir / EVALUATIONS)
            file_name = result_file(self._workdir, item.name, number).name
            if jax.process_index() == 0:
                results.write(file_name, lambda file, text=text: file.write(text), f"step {number}")
                keep_samples(self._workdir, item.name, number, result)
                report.pictures(number, pictures(item.name, result))
            report.evaluation(number, item.name, result.table)
            if jax.process_index() == 0:
                write_page(self._workdir, self._config, number)
        return True

    def _due(self, number: int) -> Iterator[tuple[EvaluationConfig, Suite]]:
        last = number == self._config.num_steps
        for item, suite in self._suites:
            due = last or number % (item.every_steps or self._config.num_steps) == 0
            if due and not self._is_done(item, number):
                yield item, suite

    def _is_done(self, item: EvaluationConfig, number: int) -> bool:
        """Whether the first host has the result, since all have to score together."""
        done = result_file(self._workdir, item.name, number).exists()
        if jax.process_count() == 1:
            return done
        from jax.experimental import multihost_utils

        return bool(multihost_utils.broadcast_one_to_all(np.int32(done)))

    def _watched(self, item: EvaluationConfig, view: View) -> Callable[[int], None]:
        """Returns what is called behind each batch: shows how far it is, and leaves if asked."""
        total = own_images(item)
        view.photos(item.name, 0, total)

        def on_batch(seen: int) -> None:
            view.photos(item.name, seen, total)
            if self._stop.requested and jax.process_count() == 1:  # several hosts leave together
                raise _Stopped

        return on_batch
