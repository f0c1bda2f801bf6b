"""Where the time of a run goes: in every moment one phase, over all of its launches.

`goodput.json` holds a record per launch: its steps and the seconds of each phase. It is written
with every line of the log, so that one that was killed is there too; what it did behind the
checkpoint that the next one starts from is lost, and counts as such there.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import jax

from ovseg_jax.disk.atomic import write_atomically
from ovseg_jax.disk.run_layout import GOODPUT

Phase = Literal["start", "compile", "input", "step", "evaluation", "save"]
PHASES: tuple[Phase, ...] = ("start", "compile", "input", "step", "evaluation", "save")


class Goodput:
    """The clock of one launch.

    Attributes:
        phase: What is going on now.
        steps: Done by this launch so far.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter):
        """Starts the clock, in the phase "start"."""
        self._clock, self._since = clock, clock()
        self._began = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        self._seconds: dict[Phase, float] = dict.fromkeys(PHASES, 0.0)
        self.phase: Phase = "start"
        self._workdir: Path | None = None
        self._first, self.steps = 0, 0
        self._earlier: list[dict[str, Any]] = []

    @property
    def number(self) -> int:
        """The last step done."""
        return self._first + self.steps

    @contextlib.contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        """What happens inside belongs to a phase; what was going on goes on behind it."""
        before = self._switch(phase)
        try:
            yield
        finally:
            self._switch(before)

    def seconds(self, *phases: Phase) -> float:
        """Returns what phases have taken so far."""
        self._switch(self.phase)
        return sum(self._seconds[phase] for phase in phases)

    def goes_on(self, workdir: Path, first: int) -> None:
        """Says that this launch starts behind step `first` of a run, and reads the earlier ones."""
        self._workdir, self._first = workdir, first
        self._earlier = _read(workdir / GOODPUT) if first else []

    def write(self) -> None:
        """Writes the record of all launches, on the first host."""
        if self._workdir is not None and jax.process_index() == 0:
            text = json.dumps({"launches": self._launches()}, indent=1).encode()
            write_atomically(self._workdir / GOODPUT, lambda file: file.write(text))

    def table(self) -> str:
        """Returns what all launches took together, phase by phase, and the share that counts."""
        launches = self._launches()
        sums = {name: sum(one["seconds"].get(name, 0) for one in launches) for name in PHASES}
        lost = sum(one["lost_seconds"] for one in launches)
        whole = max(sum(sums.values()), 1e-9)
        sums["step"] -= lost
        lines = [("lost", lost), *sums.items()] if lost else list(sums.items())
        steps = sum(one["last"] - one["first"] - one["lost_steps"] for one in launches)
        again = f", {sum(one['lost_steps'] for one in launches)} done again" if lost else ""
        rows = [f"  {name:10s} {value:10.1f} s {value / whole:6.1%}" for name, value in lines]
        title = f"where the time of {len(launches)} launches went ({steps} steps{again}):"
        return "\n".join([title.replace("1 launches", "1 launch"), *rows])

    def _launches(self) -> list[dict[str, Any]]:
        self._switch(self.phase)
        before = self._earlier[-1] if self._earlier else {"last": self._first, "step_seconds": 0.0}
        lost = max(before["last"] - self._first, 0)
        own = {
            "began": self._began,
            "first": self._first,
            "last": self.number,
            "lost_steps": lost,
            "lost_seconds": lost * before["step_seconds"],
            "step_seconds": self._seconds["step"] / max(self.steps, 1),
            "seconds": {name: round(self._seconds[name], 3) for name in PHASES},
        }
        return [*self._earlier, own]

    def _switch(self, phase: Phase) -> Phase:
        """Books the time since the last call; returns what was going on."""
        now, before = self._clock(), self.phase
        self._seconds[before] += now - self._since
        self._since, self.phase = now, phase
        return before


def _read(path: Path) -> list[dict[str, Any]]:
    """Returns the launches so far; none where the file is missing or damaged: they are a remark."""
    try:
        return [
            one
            for one in json.loads(path.read_text(encoding="utf-8"))["launches"]
            if {"first", "last", "lost_steps", "lost_seconds", "step_seconds", "seconds"}
            <= set(one)
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []
