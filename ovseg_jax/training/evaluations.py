"""Evaluations during and after training."""

from __future__ import annotations

from pathlib import Path

from ovseg_jax import build
from ovseg_jax.config import Config
from ovseg_jax.evaluation import protocol
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.outputs import OutputFolder
from ovseg_jax.training.report import Report
from ovseg_jax.typing import Params


class Evaluations:
    """The evaluations that a config asks for, each with its own rhythm."""

    def __init__(self, config: Config, method: object, workdir: Path):
        """Prepares them; results go to `workdir/evaluations/<name>_<step>.json`."""
        self._config, self._folder = config, workdir / "evaluations"
        self._suites = [
            (item, Suite(item, config.model, method)) for item in build.evaluations(config)
        ]

    def run_if_due(self, number: int, params: Params, report: Report) -> None:
        """Runs what is due after step `number` and was not done before, and reports it."""
        for item, suite in self._suites:
            rhythm = item.every_steps or self._config.num_steps
            path = self._folder / f"{item.name}_{number}.json"
            last = number == self._config.num_steps
            if path.exists() or not (last or number % rhythm == 0):
                continue
            table, card = suite.run(params, f"{self._folder.parent.name}, step {number}")
            text = protocol.to_json(card, table).encode()
            results = OutputFolder(self._folder)
            results.write(path.name, lambda file, text=text: file.write(text), f"step {number}")
            report.evaluation(number, {f"{item.name}/{key}": v for key, v in table.items()})
