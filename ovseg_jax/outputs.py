"""Which files are ours: every writer asks here before it works, so that nothing else is replaced.

A folder that we write into holds a journal, `.ovseg`, with a line for each file: its name, the
hash of its content and what it was made from. The rule for every writer:

* a name that is free is written;
* our own file, as we left it and made from the same source, is replaced;
* our own file that was altered since, or that answers another source, needs `overwrite`;
* any other file, whatever an input of this run, and another output of this run are never replaced.

Names that differ only in case or in the form of their accents count as equal, as they are one file
on the disks of macOS and Windows.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from ovseg_jax.atomic import OutputError, write_atomically

JOURNAL = ".ovseg"
HEADER = {"journal of": "ovseg_jax", "says": "which files of this folder may be replaced"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a journal.

    Attributes:
        file: Name below the folder, with "/" between parts.
        sha256: Hash of the content, empty for folders.
        source: What it was made from: a path seen from the folder, a hash, or nothing.
    """

    file: str
    sha256: str = ""
    source: str = ""


class OutputFolder:
    """A folder that results of one run go to."""

    def __init__(
        self, folder: str | Path, *, inputs: Iterable[str | Path] = (), overwrite: bool = False
    ):
        """Remembers what must not be replaced; nothing is made on the disk yet.

        Args:
            folder: Where to write.
            inputs: Files that this run reads.
            overwrite: Also replace our own files that were altered or answer another source.
        """
        self.folder = Path(folder)
        self._inputs = {os.path.realpath(path) for path in inputs}
        self._overwrite = overwrite
        self._claimed: dict[str, str] = {}

    def claim(self, names: Iterable[str], source: str | Path = "") -> None:
        """Reserves names for results of one source, before the work on them starts.

        Args:
            names: File names below the folder.
            source: The file or the hash of the pixels that they are made from.

        Raises:
            OutputError: One of them may not be written; the message says why and what to do.
        """
        journal = read_journal(self.folder)
        for name in names:
            self._check(name, self._seen_from_here(source), journal)
            if self._claimed.setdefault(_folded(name), str(source)) != str(source):
                raise OutputError(
                    f"{self.folder / name} would be written twice, for {source} and for "
                    f"{self._claimed[_folded(name)]}; write them to folders of their own"
                )

    def write(
        self, name: str, write: Callable[[BinaryIO], object], source: str | Path = ""
    ) -> Path:
        """Writes one file and its line of the journal.

        Raises:
            OutputError: The file may not be replaced, or the disk refuses.
        """
        self.claim([name], source)
        seen = self._seen_from_here(source)
        return write_atomically(
            self.folder / name,
            write,
            lambda ready: append_journal(self.folder, [Entry(name, _sha256(ready), seen)]),
        )

    def _check(self, name: str, source: str, journal: list[Entry]) -> None:
        path = self.folder / name
        if os.path.realpath(path) in self._inputs:
            raise OutputError(f"{path} is read by this run; choose another folder for the results")
        if not os.path.lexists(path):
            return
        own = [entry for entry in journal if _folded(entry.file) == _folded(name)]
        if not own or not path.is_file() or path.is_symlink():
            raise OutputError(
                f"{path} exists and was not written by ovseg; choose another folder for the "
                "results, or move that file away"
            )
        if self._overwrite:
            return
        digest = _sha256(path)
        same = [entry for entry in own if entry.sha256 == digest]
        if not same:
            raise OutputError(
                f"{path} was altered since it was written; move it away, or say --overwrite "
                "(overwrite=True)"
            )
        if same[-1].source != source:
            raise OutputError(
                f"{path} was made from {same[-1].source or 'something else'}; choose another "
                "folder or name, or say --overwrite (overwrite=True)"
            )

    def _seen_from_here(self, source: str | Path) -> str:
        """Paths are kept as seen from the folder, so that both may move together."""
        if not isinstance(source, Path):
            return source
        try:
            return Path(
                os.path.relpath(os.path.realpath(source), os.path.realpath(self.folder))
            ).as_posix()
        except ValueError:  # another drive
            return str(source.absolute())


def read_journal(folder: Path) -> list[Entry]:
    """Returns the lines of a folder's journal, oldest first; none where there is no journal.

    A line that cannot be read owns nothing: what it may have named is then not ours to replace.
    """
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [entry for entry in map(_parse, lines) if entry is not None]


def append_journal(folder: Path, entries: Iterable[Entry]) -> None:
    """Adds lines to a folder's journal, in one write, so that runs side by side do not mix them."""
    path = folder / JOURNAL
    lines = [json.dumps(dataclasses.asdict(entry)) for entry in entries]
    if not path.exists():
        lines.insert(0, json.dumps(HEADER))
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, ("\n".join(lines) + "\n").encode())
    finally:
        os.close(handle)


def is_ours(folder: Path) -> bool:
    """Whether a folder is one that we wrote: it holds our journal."""
    return bool(read_journal(folder))


def require_ours(folder: Path, what: str) -> None:
    """Refuses a folder that exists, is not empty and has no journal of ours.

    Args:
        folder: Where something is about to be written.
        what: What is about to be written there, for the message.

    Raises:
        OutputError: It holds what is not ours.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file; give a folder for {what}")
    found = sorted(entry.name for entry in folder.iterdir())
    if found and not is_ours(folder):
        raise OutputError(
            f"{folder} holds files that ovseg did not write ({', '.join(found[:3])}"
            f"{', ...' if len(found) > 3 else ''}); choose a new or empty folder for {what}"
        )


def written_names(folder: Path) -> set[str]:
    """Returns the names below a folder that we wrote and that are still there."""
    names = {entry.file for entry in read_journal(folder)}
    return {name for name in names if os.path.lexists(folder / name)}


def _parse(line: str) -> Entry | None:
    try:
        fields = json.loads(line)
        entry = Entry(**fields)
    except (ValueError, TypeError, RecursionError):
        return None
    return entry if all(isinstance(value, str) for value in fields.values()) else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
