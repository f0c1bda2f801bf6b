"""The photos of a folder, found by path or by name, and which of them are held out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from data.instances import with_slashes
from data.manual_files import ManualFileError
from data.own.files import Folder

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
LABEL_FOLDERS = ("labels", "label", "annotations", "masks", "mask", "gt", "segmentationclass")
"""Folders, in any case, whose pictures are labels and no photos."""
HELD_OUT = re.compile(r"(^|[^a-z])(val|valid|validation|test)([^a-z]|$)", re.IGNORECASE)
EVERY = 5
"""Where nothing says what is held out, every so manieth photo is."""


class Photos:
    """All photos below a folder.

    Attributes:
        root: The folder.
        paths: Paths from there, sorted.
    """

    def __init__(self, folder: Folder, labels: Iterable[Path] = ()):
        """Lists them.

        Args:
            folder: All files.
            labels: Pictures that are labels, wherever they lie.
        """
        self.root, known = folder.root, set(labels)
        files = (path for path in folder.paths if path.suffix.lower() in ENDINGS)
        self.paths = [x for x in files if self.root / x not in known and not is_label(x)]

    def find(self, name: str, near: Path, source: Path) -> Path:
        """Returns the photo that a file calls by this name.

        Args:
            name: A path or a name alone.
            near: Folder of that file, from the root.
            source: The file, for messages.

        Raises:
            ManualFileError: There is none, or there are several.
        """
        wanted = PurePosixPath(with_slashes(name))
        exact = [path for path in self.paths if path in (Path(wanted), near / wanted)]
        ends = [path for path in self.paths if path.parts[-len(wanted.parts) :] == wanted.parts]
        found = exact or ends or [path for path in self.paths if path.name == wanted.name]
        if len(found) == 1:
            return found[0]
        if not found:
            raise ManualFileError(
                f"{source}: names {name!r}; there is no such photo in {self.root}"
            )
        places = ", ".join(map(str, found[:3]))
        raise ManualFileError(
            f"{source}: names {name!r}, and several photos are called so: {places}"
        )


def is_label(path: Path) -> bool:
    """Whether a picture lies in a folder of labels."""
    return any(part.lower() in LABEL_FOLDERS for part in path.parts[:-1])


def is_held_out(path: Path) -> bool:
    """Whether a path says that it is for validation or tests."""
    return any(HELD_OUT.search(part) for part in (*path.parts[:-1], path.stem))


def splits_of(held_out: Sequence[bool]) -> list[str]:
    """Returns the split of each photo; where none is held out, every fifth is."""
    if not any(held_out):
        held_out = [number % EVERY == EVERY - 1 for number in range(len(held_out))]
    return ["validation" if held else "train" for held in held_out]
