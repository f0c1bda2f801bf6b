"""Folders that are written as one: all their entries change together, and other files stay.

The new entries are made whole beside the old ones and then renamed into place. Only what the
folder's journal lists goes; whatever others put into the folder survives.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ovseg_jax.disk.atomic import TEMPORARY, OutputError, reason, umask
from ovseg_jax.disk.journal import Entry, append_journal, mark_of
from ovseg_jax.disk.outputs import OutputFolder, require_ours

OLD = "old"


def check_folder(
    folder: Path,
    names: Iterable[str],
    what: str,
    *,
    source: str | Path = "",
    inputs: Iterable[str | Path] = (),
    overwrite: bool = False,
) -> None:
    """Refuses a folder whose entries may not be replaced; cheap, so it comes before the work.

    Args:
        folder: Where `write_folder` will write.
        names: Every entry that such a folder may have: files, and folders with all below them.
        what: What is about to be written, for messages.
        source: What it is made from; see `OutputFolder.claim`.
        inputs: Files that the run reads.
        overwrite: Also replace entries of ours that were altered or made from something else.

    Raises:
        OutputError: It is a file, holds what is not ours or an input; nothing was changed.
    """
    _check_inputs(folder, inputs, what)
    require_ours(folder, what)
    output = OutputFolder(folder, overwrite=overwrite)
    for name in names:
        output.claim(_files_of(folder, name), source)


def write_folder(
    folder: Path,
    names: Sequence[str],
    what: str,
    write: Callable[[Path], object],
    *,
    source: str | Path = "",
    overwrite: bool = False,
) -> None:
    """Writes entries of a folder; older ones of ours are replaced once the new are whole.

    Args:
        folder: Where to; made if need be.
        names: As for `check_folder`. The last to go and the last to come is the first of them, so
            give the one without which nothing is read: a kill never leaves a mixture that loads.
        what: As for `check_folder`.
        write: Receives an empty folder and writes all entries into it.
        source: As for `check_folder`.
        overwrite: As for `check_folder`.

    Raises:
        OutputError: As for `check_folder`, or the disk refuses; the older entries are still there.
    """
    check_folder(folder, names, what, source=source, overwrite=overwrite)
    new = None
    try:
        # Inside of a folder that exists, since it may be a disk of its own.
        parent = folder if folder.is_dir() else folder.parent
        parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=parent, prefix=TEMPORARY))
        write(new)
        _publish(new)
        entries = _entries(new, names, OutputFolder(folder).seen_from_here(source))
        if parent == folder:
            append_journal(folder, entries)
            _swap(new, folder, names)
        else:
            append_journal(new, entries)
            os.rename(new, folder)
    except OutputError:
        raise
    except Exception as error:  # libraries that write arrays have errors of their own
        raise OutputError(f"{folder} could not be written: {reason(folder, error)}") from error
    finally:
        if new is not None and not _holds_old(new):
            shutil.rmtree(new, ignore_errors=True)


def _check_inputs(folder: Path, inputs: Iterable[str | Path], what: str) -> None:
    """Refuses a folder that is, or holds, what the run reads: also under another name (links)."""
    target = Path(os.path.realpath(folder))
    for path in map(Path, inputs):
        itself = Path(os.path.realpath(path.parent)) / path.name
        for place in (itself, Path(os.path.realpath(path))):
            if os.path.lexists(place) and place.is_relative_to(target):
                raise OutputError(
                    f"{folder} {'is' if place == target else 'holds'} {path}, which is read here; "
                    f"choose another folder for {what}"
                )


def _files_of(folder: Path, name: str) -> list[str]:
    """Names an entry, or everything below it if it is a folder; links are not followed."""
    top = folder / name
    if top.is_symlink() or not top.is_dir():
        return [name]
    below = [
        Path(place) / entry
        for place, folders, files in os.walk(top)
        for entry in (*files, *(each for each in folders if (Path(place) / each).is_symlink()))
    ]
    return [path.relative_to(folder).as_posix() for path in below]


def _entries(folder: Path, names: Iterable[str], source: str) -> list[Entry]:
    files = [file for name in names for file in _files_of(folder, name)]
    return [
        Entry(file, mark_of(folder / file), source) for file in files if (folder / file).exists()
    ]


def _publish(folder: Path) -> None:
    """Gives the permissions that the user wants; temporary folders and some files are private."""
    mask = umask()
    os.chmod(folder, 0o777 & ~mask)
    for place, _, files in os.walk(folder):
        for file in files:
            os.chmod(Path(place) / file, 0o666 & ~mask)


def _swap(new: Path, folder: Path, names: Sequence[str]) -> None:
    """Moves old entries out and new ones in; if that fails, everything goes back."""
    old = new / OLD
    old.mkdir()
    moves = [(folder / name, old / name) for name in names]
    moves += [(new / name, folder / name) for name in reversed(names)]
    done: list[tuple[Path, Path]] = []
    try:
        for start, end in moves:
            if os.path.lexists(start):
                os.rename(start, end)
                done.append((start, end))
    except BaseException:
        for start, end in reversed(done):
            os.rename(end, start)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _holds_old(new: Path) -> bool:
    """Whether old entries could not go back; they are then kept for a hand that can."""
    return (new / OLD).is_dir() and any((new / OLD).iterdir())
