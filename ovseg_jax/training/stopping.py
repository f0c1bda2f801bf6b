"""SIGTERM and Ctrl-C: the first asks a run to save and end, a second one ends it at once.

A thread of its own reads the signals, so that they count while the main thread compiles, saves or
waits for a device. Before the first step there is nothing to save, and the first ends the run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

from ovseg_jax.foundation import terminal
from ovseg_jax.foundation.errors import OvsegError

STATUS = {signal.SIGTERM: 75, signal.SIGINT: 130}
"""Exit statuses that say "the same command goes on": 75 is `EX_TEMPFAIL` of sysexits.h, which batch
systems take for "try again"; 130 is what shells expect behind Ctrl-C."""


class Interruption(OvsegError, RuntimeError):
    """A run saved and ended because it was asked to; the same command goes on.

    Attributes:
        status: The exit status that says so.
    """

    def __init__(self, message: str, status: int):
        """Keeps the message and the exit status."""
        super().__init__(message)
        self.status = status


class StopRequest:
    """Whether somebody asked this process to stop.

    Attributes:
        received: The signal that asked; None while nobody did.
        error: Why this process cannot go on although its steps are sound; None while it can. The
            run is saved and ends by it, on all hosts behind the same step.
    """

    def __init__(self) -> None:
        """Nobody asked yet, and there is nothing to save."""
        self.received: signal.Signals | None = None
        self.error: OvsegError | None = None
        self._worth_saving = False

    @property
    def requested(self) -> bool:
        """Whether to save and end."""
        return self.received is not None or self.error is not None

    @property
    def status(self) -> int:
        """The exit status of a run that was asked to stop, on this host or on another one."""
        return STATUS[self.received or signal.SIGTERM]

    def wait_for_steps(self) -> None:
        """From now on the first signal waits for the step under way: there is work to save."""
        self._worth_saving = True

    @contextlib.contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Takes over SIGTERM and SIGINT; only the main thread of a process can."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        before = {number: signal.signal(number, _ignore) for number in STATUS}
        threading.Thread(target=self._read, args=(reader,), daemon=True).start()
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(woken)
            os.close(writer)  # the thread reads the end and goes

    def _read(self, reader: int) -> None:
        """Handles signals as they arrive, each one a byte that Python's own handler wrote."""
        with os.fdopen(reader, "rb", buffering=0) as numbers:
            while byte := numbers.read(1):
                if byte[0] in STATUS:
                    self._receive(signal.Signals(byte[0]))

    def _receive(self, number: signal.Signals) -> None:
        if self.received is not None:
            _end_at_once(f"{number.name} again: ending at once", 128 + number)
        if not self._worth_saving:
            _end_at_once(
                f"{number.name}: no step was done yet, nothing to save; the same command goes on",
                STATUS[number],
            )
        self.received = number
        _say(f"{number.name}: saving at the next step, then ending (once more ends at once)")


def _ignore(*_: object) -> None:
    """Makes the interpreter report a signal instead of acting on it."""


def _say(text: str) -> None:
    print(f"ovseg: {text}", file=sys.stderr, flush=True)


def _end_at_once(text: str, status: int) -> None:
    """Ends the process from any thread, whatever the others do."""
    terminal.give_back()
    _say(text)
    os._exit(status)
