"""The numbers of a run as lines of JSON: for its page, and for programs of one's own."""

from __future__ import annotations

import contextlib
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import jax

from ovseg_jax.disk.records import Journal, read_journal
from ovseg_jax.disk.run_layout import NUMBERS

STEP, TIME = "step", "time"
Curves = dict[str, list[tuple[int, float]]]


class Numbers:
    """Appends numbers, on the first host."""

    def __init__(self, journal: Journal | None):
        """Writes nothing where there is no journal."""
        self._journal = journal

    def note(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a line for a step; what is no finite number becomes null."""
        if self._journal is not None:
            finite = {name: v if math.isfinite(v) else None for name, v in values.items()}
            self._journal.append({STEP: step, TIME: round(time.time(), 3), **finite})


@contextlib.contextmanager
def noted_in(workdir: Path) -> Iterator[Numbers]:
    """Opens the numbers of a run for more.

    Raises:
        ovseg_jax.disk.records.JournalError: The file is damaged, in use, or not ours.
    """
    if jax.process_index() > 0:
        yield Numbers(None)
        return
    with Journal(workdir / NUMBERS) as journal:
        yield Numbers(journal)


def read_curves(workdir: Path) -> Curves:
    """Returns the points of every number in the order of steps; none where there is no file.

    Steps that a run did twice, since it was killed behind its last checkpoint, count as they came
    out the second time.

    Raises:
        ovseg_jax.disk.records.JournalError: A line is damaged.
    """
    path = workdir / NUMBERS
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for record in read_journal(path) if path.is_file() else ():
        step = record[STEP]
        for name, value in record.items():
            if name not in (STEP, TIME) and value is not None:
                found[name][step] = value
    return {name: sorted(points.items()) for name, points in found.items()}
