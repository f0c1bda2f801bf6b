"""What mining has done so far: a journal per shard, one line of JSON per photo.

A line says what is known of one photo: its number and name, its pairs, and what was dropped.
"""

from __future__ import annotations

from pathlib import Path

from ovseg_jax.disk.records import Journal, JournalError, Record, check_owner, read_journal

__all__ = [
    "FOLDER",
    "Journal",
    "JournalError",
    "Record",
    "check_owner",
    "journal_path",
    "photos_of",
    "read_journal",
]

FOLDER = "shards"


def journal_path(folder: Path, shard: int, shards: int) -> Path:
    """Returns where the journal of a shard lies, counted from 1."""
    return folder / FOLDER / f"{shard:05d}-of-{shards:05d}.jsonl"


def photos_of(shard: int, shards: int, count: int) -> range:
    """Returns the numbers of the photos of a shard: every `shards`-th one."""
    return range(shard - 1, count, shards)
