"""Ctrl-C and SIGTERM while something is written that is worth finishing."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stop_requests(what: str) -> Iterator[list[str]]:
    """Collects the first signal that asks to stop; a second one interrupts at once.

    Only the main thread of a process can; in others nothing changes and nothing is collected.

    Args:
        what: What is finished first, for the message, such as "this frame".
    """
    received: list[str] = []

    def note(number: int, _: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(signal.Signals(number).name)
        with contextlib.suppress(RuntimeError):  # it may have come while a line was printed
            text = f"ovseg: {received[0]}: ending behind {what} (once more ends at once)"
            print(text, file=sys.stderr, flush=True)

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
