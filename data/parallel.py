"""Photos read and encoded on all cores, in their order, and how far that is.

Threads do it: Pillow, NumPy and file systems let go of Python's lock while they work.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from ovseg_jax.cli.progress import Progress
from ovseg_jax.foundation import terminal, threads
from ovseg_jax.foundation.errors import printable

Item = TypeVar("Item")
Made = TypeVar("Made")
AHEAD = 4
"""Photos that wait per core, so that the next is ready and memory stays small."""
EVERY = 30.0
"""Seconds between lines where there is no terminal."""
_SHOWN: contextvars.ContextVar[Progress | None] = contextvars.ContextVar("_SHOWN", default=None)


def cores() -> int:
    """Returns how many threads read, at most 16."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(16, own or 1)


def in_order(
    make: Callable[[Item], Made], items: Iterable[Item], what: str, workers: int = 0
) -> Iterator[Made]:
    """Makes something of each item, several at a time, and yields it in the order of the items.

    What comes out, and which error comes first, is the same as with one thread.

    Args:
        make: Is called in threads.
        items: Drawn one by one, only a few ahead.
        what: Said beside the progress.
        workers: Threads; 0 for one per core.
    """
    workers = workers or cores()
    told = _teller(what, len(items) if isinstance(items, Sized) else 0)
    for made in threads.in_order(make, items, workers, ahead=AHEAD * workers):
        yield made
        told()


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Shows how far `in_order` is: a bar on a terminal, else a line from time to time."""
    with Progress() as progress:
        token = _SHOWN.set(progress)
        try:
            yield
        finally:
            _SHOWN.reset(token)


def _teller(what: str, total: int) -> Callable[[], None]:
    """Returns what is called after each item."""
    progress = _SHOWN.get()
    if progress is None:
        return lambda: None
    update, start = progress.task(what), time.monotonic()
    done, last = 0, start

    def told() -> None:
        nonlocal done, last
        done += 1
        update(done, total)
        now = time.monotonic()
        if not terminal.is_live() and now - last >= EVERY:
            last = now
            print(printable(line(what, done, total, now - start)), file=sys.stderr, flush=True)

    return told


def line(what: str, done: int, total: int, seconds: float) -> str:
    """Returns a line that says how far something is.

    Args:
        what: Such as the name of a split.
        done: Photos so far, at least one.
        total: Photos in all; 0 where nobody knows.
        seconds: Since the start.
    """
    rate = f"{done / seconds:.0f} a second"
    if not total:
        return f"{what}: {done:,} photos, {rate}"
    left = seconds / done * (total - done)
    return f"{what}: {done:,} of {total:,} photos, {rate}, about {left / 60:.0f} min left"
