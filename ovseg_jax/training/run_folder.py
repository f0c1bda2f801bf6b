"""A run's folder: marked as ours, and trained in by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import jax

from ovseg_jax.disk.journal import read_journal
from ovseg_jax.disk.outputs import Entry, OutputError, append_journal, is_ours, require_ours
from ovseg_jax.disk.run_layout import CHECKPOINTS, LOCK, RECORD
from ovseg_jax.foundation.errors import OvsegError, first_few, warn

TRAINING = "ovseg train"
"""What a run's journal says of its config, as that of no other folder does."""


class BusyError(OvsegError, RuntimeError):
    """Another process trains in the work directory; the message says which."""


@contextlib.contextmanager
def taken(workdir: Path) -> Iterator[None]:
    """Makes a run's folder if need be, marks it, and keeps other runs out of it.

    Raises:
        BusyError: Another run is at work there.
        ovseg_jax.disk.atomic.OutputError: The folder holds what we did not write.
    """
    if jax.process_index() > 0:  # the first host answers for the others
        yield
        return
    if not _made_before_journals(workdir):
        require_ours(workdir, "a training run")
        _require_run(workdir)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"--workdir {workdir} cannot be made: {reason}") from error
    with _locked(workdir / LOCK):
        if not is_ours(workdir):
            append_journal(workdir, [Entry(RECORD, source=TRAINING)])
        yield


def _require_run(workdir: Path) -> None:
    """Refuses a folder of ours that is no run: its `config.json` would be replaced.

    Raises:
        OutputError: It holds weights, results, or whatever else.
    """
    entries = read_journal(workdir) if workdir.is_dir() else []
    if entries and not any(e.file == RECORD and e.source == TRAINING for e in entries):
        written = first_few(sorted({entry.file for entry in entries}), 3)
        raise OutputError(
            f"{workdir} holds what another command of ovseg wrote ({written}), and is no training "
            "run; choose another --workdir"
        )


def _made_before_journals(workdir: Path) -> bool:
    """Whether a folder without a journal is a run of an earlier version."""
    return (workdir / RECORD).is_file() and (workdir / CHECKPOINTS).is_dir()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds a lock that the system takes back when the process ends, however it ends."""
    with path.open("a+", encoding="utf-8") as file:
        _lock(file)
        file.truncate(0)
        holder = {"process": os.getpid(), "host": socket.gethostname()}
        file.write(json.dumps(holder | {"since": time.strftime("%Y-%m-%d %H:%M:%S")}))
        file.flush()
        yield


def _lock(file: TextIO) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        warn(f"{file.name}: this system cannot lock files; start no second run in this folder")
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise BusyError(_busy(Path(file.name))) from None
        warn(f"{file.name} cannot be locked ({error.strerror}); start no second run in this folder")


def _busy(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        who = "process {process} on {host} since {since}".format(**holder)
    except (OSError, ValueError, KeyError, TypeError):
        who = "another process"
    return (
        f"{path.parent} is trained by {who} already; wait for it, stop it, or choose another "
        "--workdir"
    )
