"""Refusals that are gathered, so that a user learns of all of them at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError


class PreflightError(OvsegError, ValueError):
    """An experiment cannot run; the message lists everything that stands in its way."""


class Problems:
    """Collects the refusals of checks, so that a user learns of all of them at once."""

    def __init__(self):
        """Starts with none."""
        self._errors: dict[str, OvsegError] = {}

    @contextlib.contextmanager
    def noted(self, where: str = "") -> Iterator[None]:
        """Notes a refusal inside of it; `where` says which part of the config it is about."""
        try:
            yield
        except OvsegError as error:
            if not any(line.endswith(str(error)) for line in self._errors):
                self._errors[f"{where}{error}"] = error

    def lines(self) -> list[str]:
        """Returns what was noted."""
        return list(self._errors)

    def tell(self) -> None:
        """Raises what was noted, if anything was.

        Raises:
            OvsegError: The only refusal, as it is.
            PreflightError: Several refusals, or one of a named part of the config.
        """
        lines = list(self._errors)
        if len(lines) > 1:
            raise PreflightError(trees.listing("this cannot run", lines))
        for line, error in self._errors.items():
            raise error if line == str(error) else PreflightError(line) from error
