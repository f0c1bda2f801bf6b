"""Hashes of checkpoints: written with each, checked before one is used.

Orbax takes altered bytes for parameters and says nothing. So `hashes.json` is written into a
checkpoint's folder before Orbax renames it into place: a checkpoint and its hashes appear together
or not at all, whenever the process is killed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from ovseg_jax.foundation.errors import OvsegError

HASHES = "hashes.json"
DAMAGED = "damaged"
UNFINISHED = ".orbax-checkpoint-tmp"
"""What the name of a folder holds while Orbax writes it."""
TOUCHED_LATER = ("_CHECKPOINT_METADATA", "commit_success.txt")
"""Orbax notes the time of the commit there behind us; they hold no state."""


class IntegrityError(OvsegError, RuntimeError):
    """No checkpoint of a run can be trusted; the message says what is wrong with each."""


def write_hashes(folder: Path) -> None:
    """Writes size and SHA-256 of every file below a checkpoint's folder."""
    found = {name: _fingerprint(folder / name) for name in _files(folder)}
    (folder / HASHES).write_text(json.dumps(found, indent=0), encoding="utf-8")


def damage(folder: Path) -> str:
    """Says what is wrong with a checkpoint's folder; nothing if it is as it was written."""
    try:
        known = json.loads((folder / HASHES).read_text(encoding="utf-8"))
        wanted = {name: (int(size), str(digest)) for name, (size, digest) in known.items()}
    except FileNotFoundError:
        return f"{HASHES} is missing" if any(folder.iterdir()) else "the folder is empty"
    except (OSError, ValueError, TypeError, AttributeError):
        return f"{HASHES} cannot be read"
    for name, (size, digest) in wanted.items():
        if wrong := _wrong(folder / name, size, digest):
            return f"{name} is {wrong}"
    return _unreadable_metadata(folder)


def saved_steps(checkpoints: Path) -> list[int]:
    """Returns the steps of the finished checkpoints, damaged or not, oldest first."""
    if not checkpoints.is_dir():
        return []
    return sorted(int(p.name) for p in checkpoints.iterdir() if p.name.isdigit() and p.is_dir())


def newest_intact(checkpoints: Path, *, trust: bool = False) -> tuple[int | None, dict[int, str]]:
    """Looks for the newest checkpoint that is as it was written; changes nothing.

    Args:
        checkpoints: Where they lie.
        trust: Also take one that has no hashes, as earlier versions wrote them.

    Returns:
        Its step, None without any checkpoint, and what is wrong with each newer one.

    Raises:
        IntegrityError: There are checkpoints, and all are damaged.
    """
    damaged: dict[int, str] = {}
    for step in reversed(saved_steps(checkpoints)):
        wrong = damage(checkpoints / str(step))
        if not wrong or (trust and wrong == f"{HASHES} is missing"):
            return step, damaged
        damaged[step] = wrong
    if not damaged:
        return None, damaged
    raise IntegrityError(
        f"{checkpoints} holds no whole checkpoint: "
        + "; ".join(f"{step}: {wrong}" for step, wrong in damaged.items())
        + ". Nothing was changed. Bring one back from a copy, or train anew in another --workdir"
        "; checkpoints of earlier versions have no hashes: --resume-anyway takes them as they are"
    )


def set_aside(folder: Path) -> Path:
    """Renames what is damaged, so that nothing reads it and nothing is deleted."""
    place = folder.with_name(f"{DAMAGED}-{folder.name}")
    number = 1
    while place.exists():
        number += 1
        place = folder.with_name(f"{DAMAGED}-{folder.name}-{number}")
    return folder.rename(place)


def clear_unfinished(folder: Path) -> None:
    """Deletes what Orbax was writing below a folder when it was killed."""
    for path in folder.glob(f"*{UNFINISHED}*"):
        shutil.rmtree(path, ignore_errors=True)


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in (HASHES, *TOUCHED_LATER):
            yield name


def _fingerprint(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _wrong(path: Path, size: int, digest: str) -> str:
    try:
        if (found := path.stat().st_size) != size:
            return f"{found} bytes long instead of {size}"
        return "" if _fingerprint(path)[1] == digest else "altered"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror})"


def _unreadable_metadata(folder: Path) -> str:
    name = TOUCHED_LATER[0]
    try:
        json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{name} is missing or damaged"
    return ""
