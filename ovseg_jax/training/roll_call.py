"""Who of a cluster's hosts has come: so that a time-out names those that have not.

JAX's service waits for all and then ends the process with "Deadline Exceeded", which names nobody.
Beside it the first process listens on the port above the service's; the others give their numbers
there and hear who else did. It only informs: where that port is closed, JAX joins all the same.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time

from ovseg_jax.foundation.errors import first_few

STATUS = 75
"""Exit status where hosts are missing, "temporary failure": the same command may well succeed."""
EVERY = 30.0
"""Seconds between lines that say who is waited for."""
_PAUSE = 1.0


class RollCall:
    """Listens while the block runs; ends the process if the block takes longer than allowed."""

    def __init__(self, address: str, count: int, index: int, wait: float):
        """Prepares it.

        Args:
            address: Of JAX's service, "host:port"; the roll call's port is one higher.
            count: Processes.
            index: Which of them this is.
            wait: Seconds until those that are missing are named and the process ends.
        """
        host, _, port = address.rpartition(":")
        self._place = (host.strip("[]"), int(port) + 1)
        self._count, self._index, self._wait = count, index, wait
        self._here, self._done = {index}, threading.Event()
        self._asked, self._deaf = 0, ""

    def __enter__(self) -> RollCall:
        """Begins to listen or to ask, and to watch the clock."""
        for work in (self._listen if self._index == 0 else self._ask, self._watch):
            threading.Thread(target=work, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        """Ends it."""
        self._done.set()

    def missing(self) -> list[int]:
        """Returns the processes that nothing was heard of."""
        return sorted(set(range(self._count)) - self._here)

    def told(self) -> str:
        """Says who is missing, as far as this process knows."""
        host, port = self._place
        if self._deaf:
            return f"who has come is not known, as port {port} cannot be listened at ({self._deaf})"
        if self._index and not self._asked:
            return f"process 0 of {self._count} does not answer at {host}, port {port - 1}"
        if missing := self.missing():
            noun = "processes" if len(missing) > 1 else "process"
            verb = "have" if len(missing) > 1 else "has"
            return f"{noun} {first_few(missing, 16)} of {self._count} {verb} not come"
        return f"all {self._count} processes have come, but JAX has not joined them"

    def _listen(self) -> None:
        try:
            server = _server(self._place[1])
        except OSError as error:
            self._deaf = error.strerror or str(error)
            return
        with server:
            server.settimeout(_PAUSE)
            while not self._done.is_set():
                with contextlib.suppress(OSError):
                    self._answer(server.accept()[0])

    def _answer(self, caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError, ValueError):
            caller.settimeout(_PAUSE)
            number = int(caller.recv(16))
            if 0 <= number < self._count:
                self._here.add(number)
            caller.sendall(",".join(map(str, sorted(self._here))).encode())

    def _ask(self) -> None:
        while not self._done.wait(_PAUSE):
            with (
                contextlib.suppress(OSError, ValueError),
                socket.create_connection(self._place, timeout=5) as line,
            ):
                line.sendall(str(self._index).encode())
                with line.makefile() as answer:
                    self._here |= {int(number) for number in answer.read().split(",")}
                self._asked += 1

    def _watch(self) -> None:
        begun = time.monotonic()
        while not self._done.wait(min(EVERY, self._wait / 4)):
            passed = time.monotonic() - begun
            if passed >= self._wait:
                _say(f"error: after {passed:.0f} s {self.told()}; the same command starts again")
                os._exit(STATUS)
            _say(f"waiting for the other hosts: {self.told()} yet")


def _server(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _say(text: str) -> None:
    print(f"ovseg: {text}", file=sys.stderr, flush=True)
