"""Several items at once in threads, and what is made of them in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def in_order(
    make: Callable[[Item], Made], items: Iterable[Item], workers: int, ahead: int
) -> Iterator[Made]:
    """Makes something of each item, several at a time.

    What comes out, and which error comes first, is the same as with one thread.

    Args:
        make: Is called in threads.
        items: Drawn one by one, only a few before they are needed.
        workers: Threads.
        ahead: So many results are made, or in the making, beyond the one that is waited for.

    Yields:
        What is made of the items, in their order.
    """
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
