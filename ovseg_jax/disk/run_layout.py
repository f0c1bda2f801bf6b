"""The names of what lies in a run's folder; `docs/training.md` says what each holds."""

from __future__ import annotations

from pathlib import Path

RECORD = "config.json"
CHANGES = "changes.jsonl"
CONTENT = "data.jsonl"
LOCK = ".lock"
CHECKPOINTS = "checkpoints"
FROZEN = "frozen"
WEIGHTS = "weights"
EVALUATIONS = "evaluations"
GOODPUT = "goodput.json"
PROFILE = "profile"
NUMBERS = "numbers.jsonl"
SAMPLES = "samples"
PAGE = "report.html"


def result_file(workdir: Path, evaluation: str, step: int) -> Path:
    """Where the scores of an evaluation behind a step are written."""
    return workdir / EVALUATIONS / f"{evaluation}_{step}.json"
