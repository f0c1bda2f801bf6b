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

from ovseg_jax.disk.outputs import Entry, append_journal, is_ours, require_ours
from ovseg_jax.disk.run_layout import CHECKPOINTS, LOCK, RECORD
from ovseg_jax.foundation.errors import OvsegError, warn


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
    workdir.mkdir(parents=True, exist_ok=True)
    with _locked(workdir / LOCK):
        if not is_ours(workdir):
            append_journal(workdir, [Entry(RECORD, source="ovseg train")])
        yield


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
