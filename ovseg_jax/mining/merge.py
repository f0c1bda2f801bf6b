"""Joining shards of runs: checks that they belong together and that none is missing."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.mining.journal import FOLDER, Record, photos_of, read_journal
from ovseg_jax.mining.pairs import Source
from ovseg_jax.mining.settings import differences, read_settings


class MergeError(OvsegError, ValueError):
    """Folders that do not belong together, or are not complete."""


def find_sources(folders: Sequence[Path]) -> list[Source]:
    """Finds the complete runs in some folders.

    Shards with the same settings are one run, wherever they lie. Several complete runs, such as
    one on class names and one on captions, are several sources (the paper's Table 8).

    Args:
        folders: Each with its settings and the journals of one or more shards.

    Raises:
        MergeError: A shard is missing, unfinished or there twice; the message says which, and which
            settings keep it apart from the others.
    """
    settings = [read_settings(folder) for folder in folders]
    runs: dict[str, list[int]] = {}
    for number, record in enumerate(settings):
        runs.setdefault(json.dumps(record.get("options"), sort_keys=True), []).append(number)
    sources = []
    for members in runs.values():
        try:
            sources.append(_run([folders[n] for n in members], settings[members[0]]))
        except MergeError as error:
            others = [n for n in range(len(folders)) if n not in members]
            raise MergeError(f"{error}{_apart(folders, settings, members[0], others)}") from None
    return sources


def _run(folders: list[Path], settings: Record) -> Source:
    """Collects the shards of one run, in order."""
    shards, count = settings.get("shards"), settings.get("count")
    if "merged" in settings or not isinstance(shards, int) or not isinstance(count, int):
        raise MergeError(f"{folders[0]}: was merged itself; give the folders it was made of")
    journals = _journals(folders, shards)
    missing = [n for n in range(1, shards + 1) if n not in journals]
    if missing:
        listed = ", ".join(map(str, missing))
        where = ", ".join(map(str, folders))
        raise MergeError(f"{where}: of {shards} shards, these are missing: {listed}")
    for shard, path in sorted(journals.items()):
        wanted = photos_of(shard, shards, count)
        done = sum(1 for _ in read_journal(path))
        if done != len(wanted):
            raise MergeError(
                f"{path}: holds {done} of {len(wanted)} photos; give its command again to finish it"
            )
    ordered = [journals[number] for number in sorted(journals)]
    return Source(settings, functools.partial(_interleaved, ordered))


def _journals(folders: list[Path], shards: int) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for folder in folders:
        for path in sorted((folder / FOLDER).glob("*.jsonl")):
            number, _, total = path.stem.partition("-of-")
            if not (number.isdigit() and total.isdigit() and int(total) == shards):
                raise MergeError(f"{path}: is no shard of {shards}, as the settings say")
            if first := found.get(int(number)):
                raise MergeError(f"shard {int(number)} is there twice: {first} and {path}")
            found[int(number)] = path
    return found


def _interleaved(paths: list[Path]) -> Iterator[Record]:
    """Yields the records of all shards in the order of the photos."""
    readers = [read_journal(path) for path in paths]
    while readers:
        # Shards take turns, and those that have one photo more come first.
        for reader in list(readers):
            record = next(reader, None)
            if record is None:
                readers.remove(reader)
            else:
                yield record


def _apart(folders: Sequence[Path], settings: list[Record], number: int, others: list[int]) -> str:
    """Says how an incomplete run differs from the other folders."""
    if not others:
        return ""
    changed = differences(settings[number], settings[others[0]])
    listed = "; ".join(f"{name}: {old!r} against {new!r}" for name, old, new in changed)
    return f"\n  it does not belong to {folders[others[0]]}, which differs in {listed}"
