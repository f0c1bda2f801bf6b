"""The files of a folder, so that none is passed over in silence."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from data.manual_files import ManualFileError
from ovseg_jax.foundation.errors import counted, first_few

SHOWN = 5
"""How many names a note has."""


class Folder:
    """A folder of photos and annotations.

    Attributes:
        root: Where it lies.
        paths: Its files, from there, sorted; hidden ones and macOS's side files are none.
    """

    def __init__(self, root: Path):
        """Lists the files, those behind links too.

        Raises:
            ManualFileError: A folder cannot be read.
        """
        self.root, self.paths = root, files_below(root)

    @functools.cached_property
    def json(self) -> dict[Path, dict[str, Any]]:
        """What JSON files at the top and one folder below hold that list annotations.

        Raises:
            ManualFileError: One cannot be read.
        """
        near = (path for path in self.paths if path.suffix == ".json" and len(path.parts) <= 2)
        found = {self.root / path: _content(self.root / path) for path in near}
        return {
            path: content
            for path, content in found.items()
            if isinstance(content, dict) and isinstance(content.get("annotations"), list)
        }


def files_below(root: Path) -> list[Path]:
    """Returns the paths of all files below a folder, from there, sorted.

    Raises:
        ManualFileError: A folder in it cannot be read.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(root, onerror=_refuse, followlinks=True):
        if _leads_back(Path(place), root):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not _is_hidden(name)]
        found += [Path(place, name).relative_to(root) for name in names if not _is_hidden(name)]
    return sorted(path for path in found if (root / path).is_file())


def left_out(what: str, why: str, paths: Iterable[Path | str]) -> tuple[str, ...]:
    """Returns a note of files that are not used, with the first of their names; or none.

    Args:
        what: One of them, such as "photo".
        why: What follows.
        paths: The files.
    """
    names: Sequence[str] = [str(path) for path in paths]
    return (f"{counted(len(names), what)} {why}: {first_few(names, SHOWN)}",) if names else ()


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise ManualFileError(f"{path}: cannot be read as JSON: {error}") from error


def _refuse(error: OSError) -> None:
    raise ManualFileError(
        f"{error.filename}: the folder cannot be read ({error.strerror}), and what is in there "
        "would be lost; change its rights or move it elsewhere"
    ) from error


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _leads_back(place: Path, root: Path) -> bool:
    """Whether a link leads to a folder above itself."""
    above = [root / x for x in place.relative_to(root).parents] if place != root else []
    return any(os.path.realpath(folder) == os.path.realpath(place) for folder in above)
