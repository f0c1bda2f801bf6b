"""The live view of a run: a bar with the time left, the last numbers, what is going on right now.

It is drawn by a thread of its own a few times a second, from numbers that the run reads anyway and
from its clock, so a step does nothing for it. Lines that are printed meanwhile go above it.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
from jaxtyping import Float
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ovseg_jax.evaluation.terminal_table import terminal_table
from ovseg_jax.foundation import terminal
from ovseg_jax.foundation.errors import one_line
from ovseg_jax.training.delayed import LAG
from ovseg_jax.training.goodput import Goodput, Phase
from ovseg_jax.training.live_texts import (
    clock_time,
    numbers_text,
    photos_text,
    scores_text,
    speed_text,
)
from ovseg_jax.training.pace import Pace

PER_SECOND = 2
"""Pictures a second."""
NOTHING = Text("-", style="dim")
"""Stands where there is no number yet."""
STATES: dict[Phase, str] = {
    "start": "starting: weights, words, data",
    "compile": "compiling the step",
    "input": "training",
    "step": "training",
    "evaluation": "evaluating",
    "save": "saving",
}
FINISHING = "finishing: weights, report"
"""Instead of the state "start" once all steps are done."""


class LiveView:
    """Shows a run on a terminal; a context manager."""

    def __init__(
        self,
        goodput: Goodput,
        num_steps: int,
        rates: Float[np.ndarray, " n"],
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Prepares the view; nothing is drawn yet.

        Args:
            goodput: The run's clock.
            num_steps: Of the whole run.
            rates: Learning rate of each step.
            console: Of the terminal.
            clock: Tells seconds.
        """
        self._goodput, self._num_steps, self._rates = goodput, num_steps, rates
        self._console, self._clock, self._cleanup = console, clock, ExitStack()
        self._pace, self._photos_pace = Pace(), Pace()
        self._train, self._speed, self._scores = NOTHING, NOTHING, NOTHING
        self._state, self._began, self._since = "", clock(), clock()
        self._photos, self._before = "", dict[str, Mapping[str, float]]()
        self._is_over = False

    def __enter__(self) -> LiveView:
        """Begins to draw."""
        live = Live(
            get_renderable=self.frame,
            console=self._console,
            refresh_per_second=PER_SECOND,
            redirect_stdout=sys.stdout.isatty(),  # else it would not reach its file
        )
        self._cleanup.enter_context(terminal.drawn(live.stop))
        live.start(refresh=True)
        self._console.show_cursor(True)  # a process that is killed leaves it as it is
        self._cleanup.enter_context(_logged_above())
        return self

    def __exit__(self, *_: object) -> None:
        """Draws a last picture, which stays."""
        self._is_over = True
        self._cleanup.close()

    def numbers(self, number: int, values: Mapping[str, float]) -> None:
        """Shows the numbers of a step, see `views.View`."""
        self._train = numbers_text(values, float(self._rates[number - 1]))
        self._speed = speed_text(values) or NOTHING

    def photos(self, name: str, seen: int, total: int) -> None:
        """Says how far an evaluation is, see `views.View`."""
        if not seen:
            self._photos_pace = Pace()
        self._photos_pace.look(self._clock(), seen)
        left = self._photos_pace.seconds(total - seen) if total else None
        self._photos = photos_text(name, seen, total, left)

    def scores(self, number: int, name: str, scores: Mapping[str, float]) -> None:
        """Prints the table of an evaluation above the view, see `views.View`."""
        self._photos, title = "", f"{one_line(name)}, step {number:,}"
        before, self._before[name] = self._before.get(name, {}), scores
        self._scores = scores_text(title, scores)
        width = self._console.width
        table = terminal_table(f"{title} of {self._num_steps:,}", scores, before, width)
        self._console.print(table, Text(), soft_wrap=False)

    def frame(self) -> RenderableType:
        """Draws one picture; looks at the clock for the time left.

        All of them but the last have the same height: the terminal is told to go up so many lines,
        while another thread may print.
        """
        now, phase = self._clock(), self._goodput.phase
        done = max(self._goodput.steps - LAG, 0)  # the others are under way on the device
        self._pace.look(now, done, at_work=phase in ("input", "step"))
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(no_wrap=True, style="dim")
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_row("step", self._bar(now))
        grid.add_row("train", self._train)
        grid.add_row("speed", self._speed)
        grid.add_row("scores", self._scores)
        if self._is_over:
            return grid
        is_behind = phase == "start" and self._goodput.number >= self._num_steps > 0
        grid.add_row("now", self._what_goes_on(now, FINISHING if is_behind else STATES[phase]))
        return Group(grid, Text())  # behind an empty line, what a dying process says is no part

    def _bar(self, now: float) -> Table:
        number, whole = self._goodput.number, max(self._num_steps, 1)
        left = self._pace.seconds(self._num_steps - number)
        waits = "-:--:--" if left is None else clock_time(left)
        time_text = clock_time(now - self._began) if self._is_over else f"{waits} left"
        bar = Table.grid(padding=(0, 2, 0, 0), expand=True)
        bar.add_column(ratio=1)
        for _ in range(3):
            bar.add_column(no_wrap=True, justify="right")
        progress = ProgressBar(total=whole, completed=number)
        counted = f"{number:,}/{self._num_steps:,}"
        bar.add_row(progress, counted, f"{100 * number // whole}%", time_text)
        return bar

    def _what_goes_on(self, now: float, state: str) -> Text:
        if state != self._state:
            self._state, self._since = state, now
        shown = self._photos if state == STATES["evaluation"] and self._photos else state
        return Text.assemble((shown, "cyan"), f", since {clock_time(now - self._since)}")


def terminal_console(progress: terminal.Progress) -> Console:
    """Returns the console of stderr; `NO_COLOR` is heard, long lines are left to the terminal."""
    forced = True if progress == "live" else None
    return Console(stderr=True, soft_wrap=True, force_terminal=forced, force_interactive=forced)


@contextmanager
def _logged_above() -> Iterator[None]:
    """Lets handlers of `logging` that hold the terminal write above the view."""
    real = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    loggers = [logging.root, *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    found = [handler for logger in loggers for handler in logger.handlers]
    inner = [getattr(handler, "python_handler", handler) for handler in found]  # absl wraps its own
    moved = [h for h in inner if isinstance(h, logging.StreamHandler) and h.stream is real]
    for handler in moved:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in moved:
            handler.setStream(real)
