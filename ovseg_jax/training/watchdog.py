"""Ends a process whose steps do not come to an end, and leaves where its threads stood.

A host that was lost leaves the others waiting in a collective; a file system that hangs leaves the
input waiting. Neither raises anything, and an idle pod costs as much as a busy one.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jax

from ovseg_jax.foundation import terminal
from ovseg_jax.training.alone import LOST
from ovseg_jax.training.goodput import Goodput

UNWATCHED = ("start", "compile", "evaluation")
"""Phases of which nobody knows how long they take."""


@contextlib.contextmanager
def watching(goodput: Goodput, seconds: float, workdir: Path) -> Iterator[None]:
    """Ends the process if, inside, no step is done for some time.

    Args:
        goodput: Tells of steps and phases.
        seconds: The time; 0 for no limit.
        workdir: Where stacks go, as `hang-<host>.txt`.
    """
    if not seconds:
        yield
        return
    over = threading.Event()
    given = (goodput, seconds, workdir / f"hang-{jax.process_index()}.txt", over)
    thread = threading.Thread(target=_watch, args=given, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _watch(goodput: Goodput, seconds: float, path: Path, over: threading.Event) -> None:
    seen, since = -1, time.monotonic()
    while not over.wait(min(seconds / 10, 5.0)):
        now = time.monotonic()
        if goodput.steps != seen or goodput.phase in UNWATCHED:
            seen, since = goodput.steps, now
        elif now - since > seconds:
            _end(goodput, seconds, path)


def _end(goodput: Goodput, seconds: float, path: Path) -> None:
    """Writes all stacks and ends the process, whatever its other threads do."""
    hosts = jax.process_count()
    whose = f"host {jax.process_index()} of {hosts}: " if hosts > 1 else ""
    lost = "; another host may be lost" if hosts > 1 else ""
    said = (
        f"{whose}no step within {seconds:g} seconds (step.watchdog_seconds) behind step "
        f"{goodput.number}, in phase {goodput.phase!r}{lost}; stacks of all threads follow and are "
        f"in {path}. The same command goes on from the newest checkpoint"
    )
    terminal.give_back()
    print(f"ovseg: error: {said}", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(sys.stderr, all_threads=True)
    with contextlib.suppress(OSError), path.open("w", encoding="utf-8") as file:
        print(said, file=file, flush=True)
        faulthandler.dump_traceback(file, all_threads=True)
    os._exit(LOST)
