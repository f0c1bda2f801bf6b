"""The journal of an evaluation: what was counted before a kill is not counted again.

A first line says what the counts are of; each line below holds the piece of one batch. It lies
beside the results until all of a command's are written. Each host of a cluster has its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.disk.records import Journal, JournalError, check_owner, read_lines
from ovseg_jax.evaluation.identity import differences
from ovseg_jax.evaluation.pieces import Piece
from ovseg_jax.foundation import trees

ENDING = ".journal"
WHAT = "ovseg evaluation"


def journal_path(folder: Path, name: str) -> Path:
    """Returns where this host keeps the journal of an evaluation."""
    host = f".host{jax.process_index()}" if jax.process_count() > 1 else ""
    return folder / f"{name}{host}{ENDING}"


def discard(path: Path) -> None:
    """Removes a journal, if there is one.

    Raises:
        JournalError: The file was not written by us.
    """
    check_owner(path)
    path.unlink(missing_ok=True)


class Kept:
    """Pieces by the number of their batch, in memory; `KeptOnDisk` also survives a kill."""

    def __init__(self) -> None:
        """Keeps nothing yet."""
        self.lines: dict[int, bytes] = {}

    def __enter__(self) -> Kept:
        """Opens what there is to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""

    def add(self, line: bytes) -> None:
        """Keeps one piece."""
        self.lines[Piece.number_in(line)] = line

    @property
    def images(self) -> int:
        """Photos in all pieces."""
        return sum(Piece.images_in(line) for line in self.lines.values())


class KeptOnDisk(Kept):
    """Pieces in a journal."""

    def __init__(self, path: Path, identity: Mapping[str, Any]):
        """Names the file; nothing is opened yet.

        Args:
            path: The journal.
            identity: What the counts are of; see `evaluation.identity`.
        """
        super().__init__()
        self._identity = json.loads(json_bytes({WHAT: identity}))  # tuples become lists
        self._journal = Journal(path)

    def __enter__(self) -> KeptOnDisk:
        """Opens and locks the journal, and takes what it holds.

        Raises:
            JournalError: It is of another evaluation, damaged, in use, or not ours.
        """
        self._journal.__enter__()
        try:
            self._take()
        except BaseException:
            self._journal.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Writes everything to the disk and closes."""
        self._journal.__exit__()

    def add(self, line: bytes) -> None:
        """Keeps one piece, also on the disk."""
        super().add(line)
        self._journal.append_line(line)

    def _take(self) -> None:
        path = self._journal.path
        if not self._journal.done:
            self._journal.append(self._identity)
            return
        lines = read_lines(path)
        self._check(json.loads(next(lines)))
        for line in lines:
            super().add(line)

    def _check(self, found: Mapping[str, Any]) -> None:
        """Refuses counts of something else."""
        path = self._journal.path
        if WHAT not in found:
            raise JournalError(f"{path} is no journal of an evaluation; move it away")
        differing = differences(found[WHAT], self._identity[WHAT])
        if differing:
            raise JournalError(
                trees.listing(f"{path} holds counts of another evaluation", differing)
                + "\nGo on with that one as it was; or throw its counts away: --fresh; or choose "
                "another --out"
            )
