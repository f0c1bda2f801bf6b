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

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import BinaryIO

from ovseg_jax.disk.atomic import TEMPORARY, OutputError, write_atomically
from ovseg_jax.disk.journal import (
    JOURNAL,
    Entry,
    FolderJournal,
    append_journal,
    check_journal,
    folded,
    mark_of,
    read_journal,
)

__all__ = [
    "JOB",
    "JOURNAL",
    "Entry",
    "OutputError",
    "OutputFolder",
    "append_journal",
    "is_ours",
    "read_journal",
    "require_ours",
    "written_names",
]

JOB = "job.json"
"""Says in a folder that shards fill what is done with its photos."""

LEFT_BY_SYSTEMS = {".ds_store", "thumbs.db", "desktop.ini"}
"""What file managers put into every folder; a folder with nothing else is empty."""

ELSEWHERE = "choose another folder for the results"


class OutputFolder:
    """A folder that results of one run go to."""

    def __init__(
        self, folder: str | Path, *, inputs: Iterable[str | Path] = (), overwrite: bool = False
    ):
        """Remembers what must not be replaced; nothing is made on the disk yet.

        Args:
            folder: Where to write.
            inputs: Files that this run reads, and folders below which it may read any file.
            overwrite: Also replace our own files that were altered or answer another source.
        """
        self.folder = Path(folder)
        self._inputs = {folded(os.path.realpath(path)) for path in inputs}
        self._overwrite = overwrite
        self._claimed: dict[str, str] = {}
        self._journal = FolderJournal(self.folder)

    def claim(self, names: Iterable[str], source: str | Path = "") -> None:
        """Reserves names for results of one source, before the work on them starts.

        Args:
            names: File names below the folder, each once.
            source: The file or the hash of the pixels that they are made from.

        Raises:
            OutputError: One of them may not be written; the message says why and what to do.
        """
        check_journal(self.folder)
        seen = self.seen_from_here(source)
        once: set[str] = set()
        for name in names:
            self._check(name, seen)
            holder = self._claimed.setdefault(folded(name), seen)
            if holder != seen or folded(name) in once:
                raise OutputError(
                    f"{self.folder / name} would be written twice, for {source or 'one result'} "
                    f"and for {holder or 'another'}; write them to folders of their own"
                )
            once.add(folded(name))

    def write(
        self, name: str, write: Callable[[BinaryIO], object], source: str | Path = ""
    ) -> Path:
        """Writes one file and its line of the journal.

        Raises:
            OutputError: The file may not be replaced, or the disk refuses.
        """
        self.claim([name], source)
        seen = self.seen_from_here(source)
        return write_atomically(
            self.folder / name,
            write,
            lambda ready: self._journal.add([Entry(name, mark_of(ready), seen)]),
        )

    def seen_from_here(self, source: str | Path) -> str:
        """Paths are kept as seen from the folder, so that both may move together."""
        if not isinstance(source, Path):
            return source
        try:
            return Path(
                os.path.relpath(os.path.realpath(source), os.path.realpath(self.folder))
            ).as_posix()
        except ValueError:  # another drive
            return str(source.absolute())

    def _check(self, name: str, source: str) -> None:
        path = self.folder / name
        _check_place(name, path)
        if self._is_input(path):
            raise OutputError(f"{path} is read by this run; {ELSEWHERE}")
        if not os.path.lexists(path):
            return
        own = self._journal.entries_of(name)
        if not own or not path.is_file() or path.is_symlink():
            raise OutputError(
                f"{path} exists and was not written by ovseg; {ELSEWHERE}, or move that file away"
            )
        if not self._overwrite:
            _check_unaltered(path, own, source)

    def _is_input(self, path: Path) -> bool:
        """A new file below a folder of inputs is none of them."""
        real = Path(folded(os.path.realpath(path)))
        above = real.parents if os.path.lexists(path) else ()
        return any(str(place) in self._inputs for place in (real, *above))


def _check_place(name: str, path: Path) -> None:
    """Refuses names that leave the folder, and folders that are none."""
    inside = PurePath(name)
    if not inside.name or inside.is_absolute() or ".." in inside.parts:
        raise OutputError(f"{name!r} is no name of a file below the folder of the results")
    if folded(inside.name) == JOURNAL:
        raise OutputError(f"{path} is where ovseg notes its files; choose another name")
    place = next((p for p in path.absolute().parents if os.path.lexists(p)), None)
    if place is not None and not place.is_dir():
        what = "a file" if place.exists() else "a link that leads nowhere"
        raise OutputError(f"{place} is {what}; {ELSEWHERE}")


def _check_unaltered(path: Path, own: list[Entry], source: str) -> None:
    """Refuses files of ours that changed since, or that answer something else."""
    mark = mark_of(path)
    same = [entry for entry in own if entry.content in ("", mark)]
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
    found = sorted(entry.name for entry in folder.iterdir() if _counts(entry.name))
    if found and not is_ours(folder):
        raise OutputError(
            f"{folder} holds files that ovseg did not write ({', '.join(found[:3])}"
            f"{', ...' if len(found) > 3 else ''}); choose a new or empty folder for {what}"
        )


def written_names(folder: Path) -> set[str]:
    """Returns the names below a folder that we wrote and that are still there."""
    names = {entry.file for entry in read_journal(folder)}
    return {name for name in names if os.path.lexists(folder / name)}


def _counts(name: str) -> bool:
    """Whether a name makes a folder a used one; what a killed run of ours left does not."""
    return name.lower() not in LEFT_BY_SYSTEMS and not name.startswith(TEMPORARY)
