"""One worker computes, one request after the other; the others wait in a queue with a bound.

A model is one set of programs on one set of devices: two requests at once would take turns anyway,
and take twice the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ovseg_jax.serve.limits import Refusal

_T = TypeVar("_T")
POLL = 0.25
"""Seconds after which a waiting request looks whether its visitor has left."""
Say = Callable[[str], None]
"""Tells what is being done, for the line under the picture."""


class Worker:
    """Computes in a thread of its own.

    Attributes:
        doing: What it is busy with, in words that name nobody's photo; empty where idle.
        waiting: Requests that are in the queue or at work.
    """

    def __init__(self, bound: int):
        """Starts idle.

        Args:
            bound: Requests that may wait.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="worker")
        self._bound = bound
        self.doing, self.waiting = "", 0

    async def ask(
        self,
        compute: Callable[[Say], _T],
        has_left: Callable[[], Awaitable[bool]] | None = None,
    ) -> _T:
        """Waits for a turn, and for what `compute` returns.

        Args:
            compute: Called in the worker's thread, with a function that tells what is being done.
            has_left: Says whether the visitor is gone; then a request that has not begun is
                dropped. What has begun ends, and its answer is thrown away.

        Raises:
            Refusal: Too many are waiting, or the visitor is gone.
        """
        if self.waiting >= self._bound:
            raise Refusal(503, f"{self.waiting} requests are waiting; try again in a moment", 2)
        future = self.begin(compute)
        waiting = asyncio.wrap_future(future)
        while not (await asyncio.wait({waiting}, timeout=POLL))[0]:
            if has_left is not None and await has_left() and future.cancel():
                raise Refusal(499, "the visitor has left")
        return waiting.result()

    def begin(self, compute: Callable[[Say], _T]) -> Future[_T]:
        """Queues what nobody waits for, whatever the bound; call it from the event loop."""
        self.waiting += 1
        future = self._thread.submit(self._run, compute)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave))
        return future

    def close(self) -> None:
        """Ends the thread behind what it is at; nothing that waits begins any more."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _run(self, compute: Callable[[Say], _T]) -> _T:
        try:
            return compute(self._say)
        finally:
            self.doing = ""

    def _say(self, text: str) -> None:
        self.doing = text

    def _leave(self) -> None:
        self.waiting -= 1
