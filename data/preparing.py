"""Writes the records of a data set, with progress, and clears away what killed runs have left."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from data.parallel import shown
from ovseg_jax.foundation.errors import first_few, warn

LEFT_AFTER = 3600.0
"""Seconds after which unfinished records that nobody has written to are those of a killed run."""


def prepare(builder: Any, manual_dir: str | None, file_format: str) -> None:
    """Writes records where there are none; those that are there are kept.

    A run that was killed leaves nothing that is read: TFDS writes into a folder `incomplete.*` and
    renames it at the end. The next run starts over.

    Args:
        builder: A TFDS builder.
        manual_dir: The folder of the set's files.
        file_format: Of the records.

    Raises:
        ManualFileError: Files are missing or damaged.
    """
    settings = tfds.download.DownloadConfig(manual_dir=manual_dir)
    if Path(builder.data_path).is_dir():
        builder.download_and_prepare(download_config=settings, file_format=file_format)
        return
    remove_left_overs(builder)
    tfds.disable_progress_bar()  # TFDS's own know no total, and fill the logs of jobs
    with shown():
        builder.download_and_prepare(download_config=settings, file_format=file_format)


def remove_left_overs(builder: Any) -> None:
    """Removes unfinished records that no running program writes any more."""
    here, now = Path(builder.data_path), time.time()
    left = sorted(here.parent.glob(f"incomplete.*_{here.name}"))
    dead = [path for path in left if now - _last_written(path) > LEFT_AFTER]
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    if dead:
        warn(f"{builder.name}: removed what a killed run has left: {first_few(map(str, dead))}")


def _last_written(folder: Path) -> float:
    times = [folder.stat().st_mtime]
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another run may be done just now
            times.append(path.stat().st_mtime)
    return max(times)
