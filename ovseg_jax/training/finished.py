"""Whether a run has nothing left to do: found out from its files alone, in no time."""

from __future__ import annotations

import json
from pathlib import Path

from ovseg_jax.config import Config

WEIGHTS, REPORT, STEP = "weights", "report.json", "trained_steps"
"""`weights/report.json` says how many steps its parameters were trained."""


def summary(workdir: Path, config: Config) -> str:
    """Says that a run is finished and where its results lie; nothing if it is not finished."""
    if trained_steps(workdir) != config.num_steps:
        return ""
    scores = [
        workdir / "evaluations" / f"{item.name}_{config.num_steps}.json"
        for item in config.evaluations
    ]
    if not all(path.is_file() for path in scores):
        return ""
    lines = [f"{workdir} is finished: {config.num_steps} steps", f"weights: {workdir / WEIGHTS}"]
    return "\n".join([*lines, *(f"scores: {path}" for path in scores)])


def trained_steps(workdir: Path) -> int | None:
    """Returns how long the final weights of a run were trained; None where there are none."""
    try:
        return json.loads((workdir / WEIGHTS / REPORT).read_text(encoding="utf-8"))[STEP]
    except (OSError, ValueError, KeyError, TypeError):
        return None
