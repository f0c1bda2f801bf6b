"""Evaluations during and after training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ovseg_jax import build
from ovseg_jax.config import Config
from ovseg_jax.evaluation import protocol
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.typing import Params


class Evaluations:
    """The evaluations that a config asks for, each with its own rhythm."""

    def __init__(self, config: Config, method: object, workdir: Path):
        """Prepares them; results go to `workdir/evaluations/<name>_<step>.json`."""
        self._config, self._workdir = config, workdir
        self._suites = [
            (item, Suite(item, config.model, method)) for item in build.evaluations(config)
        ]

    def run_if_due(self, number: int, params: Params) -> Iterator[dict[str, float]]:
        """Runs what is due after step `number` and yields its scores by "evaluation/metric"."""
        for item, suite in self._suites:
            rhythm = item.every_steps or self._config.num_steps
            if number % rhythm and number != self._config.num_steps:
                continue
            table, card = suite.run(params, f"{self._workdir.name}, step {number}")
            folder = self._workdir / "evaluations"
            folder.mkdir(exist_ok=True)
            path = folder / f"{item.name}_{number}.json"
            path.write_text(protocol.to_json(card, table))
            yield {f"{item.name}/{key}": value for key, value in table.items()}
