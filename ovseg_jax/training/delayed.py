"""Numbers of the device that the host reads some steps later, so that neither waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import jax
import numpy as np

LAG = 8
"""Steps between computing a number and reading it; so many steps are under way on the device."""


class Delayed:
    """A queue of small arrays, each copied to the host while later steps run.

    What comes out depends on the number of steps only, never on how fast a device is, so all hosts
    of a cluster read the same numbers behind the same step.
    """

    def __init__(self, lag: int = LAG):
        """Makes an empty queue that hands arrays back `lag` steps later."""
        self._waiting: deque[tuple[int, jax.Array]] = deque()
        self._lag = lag

    def put(self, number: int, value: jax.Array) -> Iterator[tuple[int, np.ndarray]]:
        """Adds the array of step `number` and returns those that are old enough, with steps."""
        value.copy_to_host_async()
        self._waiting.append((number, value))
        return self._taken(self._lag)

    def rest(self) -> Iterator[tuple[int, np.ndarray]]:
        """Returns everything that waits, oldest first; waits for the device."""
        return self._taken(0)

    def _taken(self, kept: int) -> Iterator[tuple[int, np.ndarray]]:
        while len(self._waiting) > kept:
            number, value = self._waiting.popleft()
            yield number, np.asarray(value)
