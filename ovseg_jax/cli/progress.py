"""Progress on a terminal: silent when piped, and for the first two seconds of anything."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from ovseg_jax.foundation import terminal

DELAY = 2.0
"""Seconds after which a bar appears."""
PERIOD = 300.0
"""Seconds from which the time left is told; batches of large photos take a minute on a CPU."""


class Progress:
    """Bars on stderr, from two seconds on, where stderr is a terminal.

    with Progress() as progress:
        update = progress.task("embedding words")
        update(done, total)
    """

    def __init__(self, delay: float = DELAY, *, wanted: terminal.Progress = "auto"):
        """Prepares; nothing is shown yet.

        Args:
            delay: Seconds after which bars appear.
            wanted: Whether they do, see `terminal.is_live`.
        """
        self._delay = delay
        self._wanted: terminal.Progress = wanted
        self._display: Any = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Progress:
        """Starts the clock."""
        if terminal.is_live(self._wanted):
            self._display = _display(forced=self._wanted == "live")
            self._timer = threading.Timer(self._delay, self._display.start)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the bars."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._display.stop()

    def task(self, title: str, *, before: str = "") -> Callable[[int, int], None]:
        """Adds a bar; returns what moves it: (done, total), a total of 0 being unknown.

        Args:
            title: What is done.
            before: What goes on until the first of it is done.
        """
        if self._display is None:
            return lambda done, total: None
        waiting = f"{title}: {before}" if before else title
        number = self._display.add_task(waiting, total=None)

        def update(done: int, total: int) -> None:
            finished, text = bool(total) and done >= total, title if done else waiting
            bar = {"completed": done, "total": total or None, "visible": not finished}
            self._display.update(number, description=text, **bar)

        return update


def _display(*, forced: bool) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True, force_terminal=forced or None),
        transient=True,
        speed_estimate_period=PERIOD,
        redirect_stdout=sys.stdout.isatty(),  # else it would not reach its file
    )
