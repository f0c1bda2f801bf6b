"""Which checkpoints stay: the newest ones, the best by a score, and every so many steps."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orbax.checkpoint import checkpoint_managers as policies

from ovseg_jax.config import CheckpointConfig
from ovseg_jax.disk.run_layout import result_file


def policy(config: CheckpointConfig, workdir: Path) -> policies.PreservationPolicy:
    """Returns what Orbax asks before it deletes; a checkpoint stays if any rule wants it."""
    wanted: list[Any] = [policies.LatestN(config.keep)]
    if config.keep_every:
        wanted.append(policies.EveryNSteps(config.keep_every))
    if config.best:
        wanted.append(Best(workdir, config.best, config.keep_best))
    return policies.AnyPreservationPolicy(wanted)


class Best:
    """Keeps the checkpoints of the highest scores; without a score, none.

    Scores are read from the results of evaluations, so a run that goes on knows them too. A
    checkpoint is written before it is scored, and is among the newest until then.
    """

    def __init__(self, workdir: Path, score: str, count: int):
        """Takes a score by name, such as "validation/semantic/mIoU", and how many are kept."""
        self._workdir, self._count = workdir, count
        self._evaluation, _, self._name = score.partition("/")

    def should_preserve(
        self, checkpoints: Sequence[policies.PolicyCheckpointInfo], *, context: Any
    ) -> Sequence[bool]:
        """Tells of each checkpoint whether it is one of the best; of equal ones, the later."""
        del context
        scores = {each.step: self.score(each.step) for each in checkpoints}
        ranked = sorted((score, step) for step, score in scores.items() if score is not None)
        best = {step for _, step in ranked[-self._count :]}
        return [each.step in best for each in checkpoints]

    def score(self, step: int) -> float | None:
        """Returns the score of a step; None where it has none."""
        path = result_file(self._workdir, self._evaluation, step)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["scores"][self._name]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, float | int) and math.isfinite(found) else None
