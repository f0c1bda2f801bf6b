"""Records that cannot be read: passed over, counted, named once, and too many of them an error."""

from __future__ import annotations

import threading

from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import counted, warn
from ovseg_jax.inputs.builders import DataError


class Unreadable:
    """What one host could not read; safe to use from several threads."""

    def __init__(self, limit: int):
        """Nothing yet.

        Args:
            limit: So many records may be passed over.
        """
        self._limit, self._reasons = limit, dict[str, str]()
        self._lock, self._told = threading.Lock(), 0

    def note(self, name: str, reason: str) -> None:
        """Counts a record once, however often it comes up."""
        with self._lock:
            self._reasons.setdefault(name, reason)

    def tell(self) -> None:
        """Warns of each record that is new; call it where warnings are heard."""
        with self._lock:
            news = list(self._reasons.items())[self._told :]
            self._told += len(news)
        for name, reason in news:
            warn(
                f"{name} cannot be read and is passed over, the next record in its place: {reason}"
            )

    @property
    def failure(self) -> DataError | None:
        """The error that names all of them, once they are more than the limit."""
        with self._lock:
            reasons = dict(self._reasons)
        if len(reasons) <= self._limit:
            return None
        what = f"{counted(len(reasons), 'record')} cannot be read"
        lines = [f"{name}: {reason}" for name, reason in sorted(reasons.items())]
        return DataError(
            trees.listing(f"{what}; data.max_unreadable is {self._limit}", lines)
            + "\nMend the files, or give a larger data.max_unreadable"
        )
