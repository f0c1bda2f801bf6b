"""How long something takes that is counted, from its latest counts."""

from __future__ import annotations

from collections import deque

KEPT = 40
"""Counts that are remembered."""
APART = 2.0
"""Seconds between two of them, so that they reach back for a minute at least."""


class Pace:
    """Looks at a counter from time to time; what happens beside the counted work is left out."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._seen: deque[tuple[float, int]] = deque(maxlen=KEPT)
        self._worked, self._before = 0.0, None

    def look(self, now: float, count: int, *, at_work: bool = True) -> None:
        """Takes a look.

        Args:
            now: Seconds of any clock.
            count: What is done so far; 0 where the first of it is not.
            at_work: Whether the time since the last look went into what is counted.
        """
        if self._before is not None and at_work:
            self._worked += now - self._before
        self._before = now
        if count and self._is_news(count):
            self._seen.append((self._worked, count))

    def seconds(self, count: int) -> float | None:
        """Returns how long so many more will take; None while nobody can say."""
        if len(self._seen) < 2:
            return None
        (since, first), (until, last) = self._seen[0], self._seen[-1]
        return (until - since) / (last - first) * count

    def _is_news(self, count: int) -> bool:
        if not self._seen:
            return True
        worked, last = self._seen[-1]
        early = len(self._seen) < 3  # two looks are better than none
        return count > last and (early or self._worked - worked >= APART)
