"""Whether a run has nothing left to do: found out from its files alone, in little time."""

from __future__ import annotations

import json
from pathlib import Path

from ovseg_jax.config import Config
from ovseg_jax.disk.journal import Entry, mark_of, read_journal
from ovseg_jax.disk.run_layout import WEIGHTS, result_file
from ovseg_jax.foundation.errors import OvsegError

REPORT, STEP = "report.json", "trained_steps"
"""`weights/report.json` says how many steps its parameters were trained."""
USERS_TO_EDIT = "config.json"
"""In there, how answers are read off may be changed by hand."""


class DamagedWeightsError(OvsegError, RuntimeError):
    """A file of the final weights is no longer as the run wrote it."""


def summary(workdir: Path, config: Config) -> str:
    """Says that a run is finished and where its results lie; nothing if it is not finished.

    Raises:
        DamagedWeightsError: All is there, but the weights were altered since.
    """
    if trained_steps(workdir) != config.num_steps or not _weights_are_whole(workdir / WEIGHTS):
        return ""
    scores = [result_file(workdir, item.name, config.num_steps) for item in config.evaluations]
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


def _weights_are_whole(folder: Path) -> bool:
    """Whether all files that were written last are there, and refuses those that were altered."""
    for entry in _newest(read_journal(folder)):
        path = folder / entry.file
        if not path.is_file():
            return False
        if entry.file != USERS_TO_EDIT and mark_of(path) != entry.content:
            raise DamagedWeightsError(
                f"{path} was altered since the run wrote it; move it away, and the same command "
                "writes it again from the last checkpoint"
            )
    return True


def _newest(entries: list[Entry]) -> list[Entry]:
    """Returns the last line of each file; lines of a journal only ever follow others."""
    return list({entry.file: entry for entry in entries}.values())
