"""The journal of a folder, `.ovseg`: which of its files are ours, and what they were made from.

One line of JSON for each file that we wrote, below a line that says what this is. Lines are only
ever appended, in one write each time, so runs side by side do not mix them. A line that cannot be
read owns nothing: what it may have named is then not ours to replace.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from ovseg_jax.disk.atomic import OutputError

JOURNAL = ".ovseg"
HEADER = {"journal of": "ovseg_jax", "says": "which files of this folder may be replaced"}
LARGE = 64 * 2**20
"""Files above so many bytes are told by their size: weights are not worth reading twice."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a journal.

    Attributes:
        file: Name below the folder, with "/" between parts.
        content: What `mark_of` the file was; empty for files that grow, and for folders.
        source: What it was made from: a path seen from the folder, a hash, or nothing.
    """

    file: str
    content: str = ""
    source: str = ""


class FolderJournal:
    """The journal of one folder, read once and from then on followed to its end."""

    def __init__(self, folder: Path):
        """Names the folder; it need not exist."""
        self.folder, self.path = folder, folder / JOURNAL
        self._end = 0
        self._entries: dict[str, list[Entry]] = {}

    @property
    def entries(self) -> list[Entry]:
        """All lines that can be read; those of one file from old to new."""
        self._follow()
        return [entry for entries in self._entries.values() for entry in entries]

    def entries_of(self, name: str) -> list[Entry]:
        """Returns the lines of one file, oldest first."""
        self._follow()
        return self._entries.get(folded(name), [])

    def add(self, entries: Iterable[Entry]) -> None:
        """Appends lines, but those that would repeat the last one of their file.

        Raises:
            OutputError: What lies under the journal's name is not ours.
            OSError: The disk refuses.
        """
        new = [entry for entry in entries if self.entries_of(entry.file)[-1:] != [entry]]
        if new:
            _append(self.path, [json.dumps(dataclasses.asdict(entry)) for entry in new])

    def _follow(self) -> None:
        """Reads what was added since, by this run or by others."""
        try:
            if self.path.stat().st_size < self._end:  # another one took its place
                self._end, self._entries = 0, {}
            added = _read_from(self.path, self._end) if _is_journal(self.path) else b""
        except OSError:
            self._end, self._entries, added = 0, {}, b""
        whole = added[: added.rfind(b"\n") + 1]
        for entry in map(_parse, whole.splitlines()):
            if entry is not None:
                self._entries.setdefault(folded(entry.file), []).append(entry)
        self._end += len(whole)


def read_journal(folder: Path) -> list[Entry]:
    """Returns the lines of a folder's journal; none where there is no journal."""
    return FolderJournal(folder).entries


def append_journal(folder: Path, entries: Iterable[Entry]) -> None:
    """Adds lines to a folder's journal; see `FolderJournal.add`."""
    FolderJournal(folder).add(entries)


def check_journal(folder: Path) -> None:
    """Refuses a folder where something else has the journal's name.

    Raises:
        OutputError: Names it.
    """
    path = folder / JOURNAL
    if not os.path.lexists(path):
        return
    try:
        ours = path.is_file() and not path.is_symlink() and _is_journal(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not ours:
        raise OutputError(
            f"{path} is not the journal that ovseg keeps of its files (or it is damaged); move it "
            "away, or choose another folder"
        )


def mark_of(path: Path) -> str:
    """Returns what tells a file from an altered one: a hash, or the size of a large one."""
    if (size := path.stat().st_size) > LARGE:
        return f"{size} bytes"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folded(name: str) -> str:
    """Returns a name as disks see it that ignore case and the form of accents."""
    return unicodedata.normalize("NFC", name).casefold()


def _append(path: Path, lines: list[str]) -> None:
    check_journal(path.parent)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o666)
    try:
        _lock(handle)
        if not (size := os.fstat(handle).st_size):
            lines = [json.dumps(HEADER), *lines]
        # A line that a crash left half written must not swallow the next one.
        torn = size and os.lseek(handle, -1, os.SEEK_END) and os.read(handle, 1) != b"\n"
        data = ("\n" * bool(torn) + "\n".join(lines) + "\n").encode()
        if os.write(handle, data) != len(data):
            raise OutputError(f"{path} could not be written: the disk is full")
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    """Waits for other writers: on network disks appended lines could meet. Closing lets go."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX)
    except OSError:  # a disk without locks; local ones append in one piece anyway
        return


def _is_journal(path: Path) -> bool:
    """Whether a file begins as ours do; an empty one is a journal that was not begun."""
    with path.open("rb") as file:
        first = file.readline(1000)
    try:
        return not first or json.loads(first) == HEADER
    except (ValueError, RecursionError):
        return False


def _read_from(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read()


def _parse(line: bytes) -> Entry | None:
    try:
        fields = json.loads(line)
        entry = Entry(**fields)
    except (ValueError, TypeError, RecursionError):
        return None
    return entry if all(isinstance(value, str) for value in fields.values()) else None
