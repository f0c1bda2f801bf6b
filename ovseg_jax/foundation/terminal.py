"""Whether to draw on the terminal, and how it is given back by a process that ends at once."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Literal

Progress = Literal["auto", "plain", "live"]
"""How work is shown: lines ("plain"), a view that is drawn again and again ("live"), or whichever
stderr is made for ("auto")."""
CHOICES: tuple[Progress, ...] = ("auto", "plain", "live")
PATIENCE = 1.0
"""Seconds that a terminal has to take a last picture; one that was stopped by Ctrl-S takes none."""

_drawn: list[Callable[[], None]] = []


def is_live(wanted: Progress = "auto") -> bool:
    """Whether progress is drawn; "auto" wants a terminal that can move its cursor, and no CI.

    `TERM=dumb` says that it cannot; `CI` is set by GitHub, GitLab, Buildkite and the others, some
    of which show their logs to a program as a terminal.
    """
    if wanted != "auto":
        return wanted == "live"
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    automatic = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return sys.stderr.isatty() and not dumb and not automatic


@contextlib.contextmanager
def drawn(close: Callable[[], None]) -> Iterator[None]:
    """Tells `give_back` how to end what is drawn inside; `close` may be called twice."""
    _drawn.append(close)
    try:
        yield
    finally:
        _drawn.remove(close)
        close()


def give_back() -> None:
    """Ends all that is drawn, from any thread; call it before `os._exit`, which unwinds nothing."""
    for close in reversed(_drawn):
        thread = threading.Thread(target=close, daemon=True)
        thread.start()
        thread.join(PATIENCE)
