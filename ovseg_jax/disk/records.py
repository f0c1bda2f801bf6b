"""What a run has done so far: one line of JSON per record, only ever appended.

A killed process leaves whole lines and at most one torn line at the end. The torn one is cut off
when the journal is opened again, so nothing that was written is lost and nothing is done twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ovseg_jax.disk.journal import Entry, FolderJournal, append_journal
from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.foundation.errors import OvsegError

try:
    import fcntl
except ImportError:  # not on Windows; two processes on one journal are then not noticed
    fcntl = None

Record = dict[str, Any]


class JournalError(OvsegError, ValueError):
    """A journal is damaged, in use, or does not belong to what is asked for."""


def check_owner(path: Path) -> None:
    """Refuses a file that is not ours: to append to it, or to cut its end, would alter it.

    Raises:
        JournalError: Names it.
    """
    if os.path.lexists(path) and not FolderJournal(path.parent).entries_of(path.name):
        raise JournalError(
            f"{path} exists and was not written by ovseg; choose another --out, or move that file "
            "away"
        )


class Journal:
    """A journal, open for more.

    with Journal(path) as journal:
        for number in wanted[journal.done :]:
            journal.append({"index": number})

    Attributes:
        done: Lines in it.
    """

    def __init__(self, path: Path):
        """Names the file; nothing is opened yet."""
        self.path, self.done = path, 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> Journal:
        """Opens and locks the file and cuts off a torn line.

        Raises:
            JournalError: Another process has it open, a line is damaged, or the file is not ours.
        """
        check_owner(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_journal(self.path.parent, [Entry(self.path.name)])
        self._file = file = open(self.path, "a+b")
        try:
            self._lock(file)
            self._cut_torn_line(file)
        except BaseException:
            file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Writes everything to the disk and closes."""
        file = self._opened()
        os.fsync(file.fileno())
        file.close()

    def append(self, record: Record) -> None:
        """Adds one line, by one write."""
        self.append_line(json_bytes(record, separators=(",", ":")))

    def append_line(self, line: bytes) -> None:
        """Adds one record that is written out already, without the end of its line."""
        file = self._opened()
        file.write(line + b"\n")
        file.flush()
        self.done += 1

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise JournalError(f"{self.path}: is not open; append inside of `with`")
        return self._file

    def _lock(self, file: BinaryIO) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(
                f"{self.path}: another process is at work on it; wait for it or end it"
            ) from error

    def _cut_torn_line(self, file: BinaryIO) -> None:
        end = 0
        file.seek(0)
        for number, line in enumerate(file, start=1):
            if not _is_whole(line):
                if file.read(1):
                    raise JournalError(
                        f"{self.path}: line {number} is damaged; delete it and all after it"
                    )
                break
            end, self.done = end + len(line), number
        if file.seek(0, os.SEEK_END) > end:
            file.truncate(end)


def read_journal(path: Path) -> Iterator[Record]:
    """Yields the records of a journal; see `read_lines`."""
    return map(json.loads, read_lines(path))


def read_lines(path: Path) -> Iterator[bytes]:
    """Yields the records of a journal as they are written, without a torn line at its end.

    Raises:
        JournalError: A line before the end is damaged.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if _is_whole(line):
                yield line.removesuffix(b"\n")
            elif file.read(1):
                raise JournalError(f"{path}: line {number} is damaged")


def _is_whole(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
