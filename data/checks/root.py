"""Check: the folder that was given is the one meant, and all that is needed lies in it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data.checks.layout import Layout, Needed
from data.checks.problem import Problem
from data.checks.reading import Facts

OFF = "root one level off"
MISSING = "missing folders and files"
MOST_FOLDERS = 3000
"""Folders that are looked into while searching."""
DEPTH = 3
PACKED = (".zip", ".tar", ".tar.gz", ".tgz")


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields what is missing, and where it may be instead."""
    del facts
    missing = [needed for needed in layout.needed if not _is_there(layout.root, needed)]
    if not missing:
        return
    if len(missing) == len(layout.needed) and (better := _better_root(layout)):
        inside = f"{_place(layout.root, missing[0])} ({missing[0].what}) is not there"
        text = f"{inside}, but {better / _found_in(better, _needed_at(layout, better))} is"
        yield Problem(OFF, str(layout.root), text, advice=_root_advice(better))
        return
    folders = list(_folders(layout.root, DEPTH))
    for needed in missing:
        place = layout.root / needed.places[0]
        text = f"{needed.what} not found; expected {' or '.join(needed.places)}"
        yield Problem(MISSING, str(place), text, advice=_advice(layout, needed, place, folders))


def _is_there(root: Path, needed: Needed) -> bool:
    return any((root / place).exists() for place in needed.places)


def _place(root: Path, needed: Needed) -> Path:
    return root / needed.places[0]


def _found_in(root: Path, needed: Sequence[Needed]) -> str:
    return next(p for x in needed for p in x.places if (root / p).exists())


def _better_root(layout: Layout) -> Path | None:
    """Returns the folder near the root that holds most of what is needed."""
    near = [*layout.root.absolute().parents[:2], *_folders(layout.root, 2)]
    scores = [
        (sum(_is_there(place, x) for x in _needed_at(layout, place)), place) for place in near
    ]
    best = max((score for score, _ in scores), default=0)
    return next((place for score, place in scores if score == best), None) if best else None


def _needed_at(layout: Layout, place: Path) -> Sequence[Needed]:
    return layout.needed if layout.needed_at is None else layout.needed_at(place)


def _root_advice(better: Path) -> str:
    return f"the folder above or below it was given; give {better} instead"


def _advice(layout: Layout, needed: Needed, place: Path, folders: Sequence[Path]) -> str:
    """Says how to link what lies elsewhere, or to unpack it, or to get it."""
    taken = {(layout.root / p).resolve() for x in layout.needed for p in x.places}
    for found in _alike(place.name, folders):
        if found.resolve() not in taken and _fits(found, needed):
            return f"it seems to lie in another place; ln -s {_quoted(found)} {_quoted(place)}"
    if found := _packed(needed, folders):
        return f"{found} is still packed; unpack it so that {place} is there"
    return "not downloaded, or under another name; get it, or link it there with ln -s"


def _packed(needed: Needed, folders: Sequence[Path]) -> Path | None:
    """Returns an archive that seems to hold what is needed.

    Photos and maps are in folders of one name, so that the name of the outer one must be there too.
    """
    outer, name = Path(needed.places[0]).parts[0], Path(needed.places[0]).name
    for folder in folders:
        for entry in _entries(folder):
            stem = next((entry.name.removesuffix(x) for x in PACKED if entry.name.endswith(x)), "")
            if stem == name and outer in (name, folder.name) or outer != name and outer in stem:
                return Path(entry.path)
    return None


def _alike(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    """Yields what has a name, whatever the case of its letters."""
    for folder in folders:
        for entry in _entries(folder):
            if entry.name.casefold() == name.casefold():
                yield Path(entry.path)


def _fits(path: Path, needed: Needed) -> bool:
    if not needed.ending:
        return path.is_file()
    return path.is_dir() and any(x.name.endswith(needed.ending) for x in _entries(path))


def _folders(root: Path, depth: int) -> Iterator[Path]:
    """Yields a folder and those in it, the nearest first, up to a bound."""
    level, seen = [root], 0
    for _ in range(depth + 1):
        below = []
        for folder in level:
            yield folder
            seen += 1
            if seen >= MOST_FOLDERS:
                return
            below += [Path(x.path) for x in _entries(folder) if _is_folder(x)]
        level = sorted(below)


def _entries(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir() and not entry.name.startswith(".")
    except OSError:
        return False


def _quoted(path: Path) -> str:
    return shlex.quote(str(path.absolute()))
