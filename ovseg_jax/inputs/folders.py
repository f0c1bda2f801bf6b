"""Which files of a folder are photos, and a word about those that are not.

Photos are files whose ending the installed Pillow can read. Hidden files (macOS writes `._a.jpg`
beside `a.jpg`), results that we wrote there, subfolders and everything else are passed over, and a
warning counts and names them.
"""

from __future__ import annotations

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, features

from ovseg_jax.disk.outputs import is_ours, written_names
from ovseg_jax.foundation.errors import ImageError, first_few, warn
from ovseg_jax.inputs.images import is_clip

FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "JXL", "MPO", "PNG", "PPM", "QOI"),
    *("TGA", "TIFF", "WEBP"),
)
"""What Pillow and its plugins call formats of photos."""
CODECS = {"AVIF": "avif", "JPEG": "jpg", "JPEG2000": "jpg_2000", "WEBP": "webp"}
"""Formats whose reader Pillow may have been built without."""
OTHER_ENDINGS = (
    *(".avif", ".heic", ".heif", ".jp2", ".j2k", ".jxl", ".webp", ".exr", ".hdr", ".svg"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
"""Endings of pictures that may lack a reader here."""
SHOWN = 3
"""Names that a message lists."""

HIDDEN, OURS, OTHER = "hidden file", "earlier result", "other file"
SUBFOLDER, UNREADABLE, VIDEO = "subfolder", "unreadable photo", "video"
HINTS = {
    SUBFOLDER: "; --recursive looks inside",
    VIDEO: "; `ovseg segment` takes those that are named, or meant by a pattern such as 'a/*.mp4'",
    UNREADABLE: "; Pillow has no reader for them here: convert them to PNG or JPEG",
}


@functools.cache
def readable_endings() -> frozenset[str]:
    """Endings of photos, in lower case, that the installed Pillow can read."""
    return frozenset(
        ending
        for ending, kind in Image.registered_extensions().items()
        if kind in FORMATS and kind in Image.OPEN
        if kind not in CODECS or features.check(CODECS[kind])
    )


class Search:
    """One search, which remembers what it passed over and why.

    Attributes:
        recursive: Whether it looks into subfolders; links to folders are followed, each once.
        clips: Whether patterns mean videos too; folders never do, as a video takes hours.
    """

    def __init__(self, recursive: bool = False, clips: bool = False):
        """Has found nothing yet."""
        self.recursive, self.clips = recursive, clips
        self._passed: dict[str, list[str]] = defaultdict(list)
        self._ours: set[str] = set()
        self._visited: set[str] = set()

    def of_folder(self, folder: Path) -> list[Path]:
        """Returns the photos of a folder by name.

        Raises:
            ImageError: There is none; the message counts what is there.
        """
        return self._reported(folder, list(self._walk(folder)))

    def of_matches(self, pattern: Path, matches: list[Path]) -> list[Path]:
        """Returns the photos among files and folders that match a pattern.

        Raises:
            ImageError: There is none; the message counts what matches.
        """
        for parent in {match.parent for match in matches}:
            self._learn(parent)
        return self._reported(pattern, list(self._take(matches, clips=self.clips)))

    def _walk(self, folder: Path) -> Iterator[Path]:
        place = os.path.realpath(folder)
        if place not in self._visited:
            self._visited.add(place)
            self._learn(folder)
            yield from self._take(sorted(folder.iterdir()))

    def _learn(self, folder: Path) -> None:
        """Reads which files of a folder we wrote, and in which subfolders."""
        for name in map(Path, written_names(folder)):
            for part in (name, *list(name.parents)[:-1]):
                self._ours.add(_place(folder / part))

    def _take(self, entries: list[Path], clips: bool = False) -> Iterator[Path]:
        for entry in entries:
            reason = self._reason(entry)
            if reason and not (clips and reason == VIDEO):
                self._passed[reason].append(entry.name)
            elif entry.is_dir():
                yield from self._walk(entry)
            else:
                yield entry

    def _reason(self, entry: Path) -> str:
        """Why a file or folder is passed over; empty if it is not."""
        ending = entry.suffix.lower()
        if entry.name.startswith("."):
            return HIDDEN
        if _place(entry) in self._ours:
            return OURS
        if entry.is_dir():
            return "" if self.recursive else OURS if is_ours(entry) else SUBFOLDER
        if ending in readable_endings():
            return ""
        if is_clip(entry):
            return VIDEO
        return UNREADABLE if ending in OTHER_ENDINGS else OTHER

    def _reported(self, place: Path, found: list[Path]) -> list[Path]:
        """Warns of what was passed over, or refuses a place without photos."""
        # A hidden file is worth a word where it looks like a photo.
        hidden = self._passed.pop(HIDDEN, [])
        if sidecars := [name for name in hidden if Path(name).suffix.lower() in readable_endings()]:
            self._passed[HIDDEN] = sidecars
        text = "; ".join(_describe(reason, names) for reason, names in self._passed.items())
        if not found:
            raise ImageError(
                f"{place}: holds no picture ({text or 'it is empty'}); accepted are "
                f"{' '.join(sorted(readable_endings()))}"
            )
        if text:
            photos = "1 photo" if len(found) == 1 else f"{len(found)} photos"
            warn(f"{place}: {photos}; passed over: {text}")
        return found


def _place(path: Path) -> str:
    return os.path.join(os.path.realpath(path.parent), path.name)


def _describe(reason: str, names: list[str]) -> str:
    count = f"{len(names)} {reason}{'s' if len(names) > 1 else ''}"
    if reason == OTHER:
        endings = Counter(Path(name).suffix.lower() or "without ending" for name in names)
        names = [f"{count} {ending}" for ending, count in endings.most_common()]
    return f"{count} ({first_few(names, SHOWN)}{HINTS.get(reason, '')})"
