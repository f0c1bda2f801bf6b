"""Which files of a folder hold the masks of a photo.

* A file with the photo's stem: `a.png` (its label map), `a.json`, `a.npz` or `a.txt` for `a.jpg`.
* Else one with a customary addition: `a_mask.png`, `a_labels.png`, `a_gtFine_labelIds.png`.
* A subfolder with the photo's stem or name: one picture per mask, in natural order.
* Pictures directly in the folder, one per mask: only for a run of one photo, and only if none of
  them bears the name of another photo.

Below the folder, the photo's own folders are looked for first: `seg/val/a.png` for
`photos/val/a.jpg`.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import Subject
from ovseg_jax.masks.names import PICTURES, stem_key
from ovseg_jax.masks.pictures import LOSSLESS, LOSSY

READABLE = (*LOSSLESS, ".json", ".geojson", ".npz", ".txt")
"""Endings of files about one photo."""
PHOTO_ADDITIONS = ("_leftImg8bit", "_sat")
"""What data sets add to the stems of photos, and not to those of masks."""
MASK_ADDITIONS = (
    "_mask", "-mask", "_masks", "_label", "_labels", "_labelIds", "_labelTrainIds", "_instanceIds",
    "_gtFine_labelIds", "_gtFine_labelTrainIds", "_gtFine_instanceIds", "_seg", "_segmentation",
    "_gt", "_groundtruth", "_annotation", "_panoptic",
)  # fmt: skip
"""What tools and data sets add to the stems of masks."""
LAYOUTS = (
    "a folder of masks holds one label map or file per photo, named after it (a.png for a.jpg), "
    "or one subfolder per photo with a PNG per mask (a/0.png)"
)


@dataclasses.dataclass(frozen=True)
class FolderMatch:
    """What a folder holds for a photo: a file of its own, or pictures of one mask each."""

    file: Path | None = None
    pictures: tuple[Path, ...] = ()


def find_in_folder(folder: Path, subject: Subject) -> FolderMatch:
    """Finds the file or pictures that hold a photo's masks.

    Raises:
        MasksError: There are none, several, or those found could be another photo's.
    """
    own = own_place(folder, subject.path)
    if own is None:
        return FolderMatch(pictures=_loose_pictures(folder, subject))
    for rival in subject.rivals:
        if own_place(folder, rival) == own or _is_same(own, rival):
            raise MasksError(
                f"{own}: could hold the masks of {subject.path} or of {rival}; handle the photos "
                "one at a time, each with its own file"
            )
    if not own.is_dir():
        return FolderMatch(file=own)
    pictures = _pictures(own)
    if not pictures:
        raise MasksError(f"{own}: holds no picture; {LAYOUTS}")
    return FolderMatch(pictures=pictures)


def own_place(folder: Path, photo: Path) -> Path | None:
    """Returns the file or subfolder that bears a photo's name; None if there is none.

    Raises:
        MasksError: Several do.
    """
    for place in _places(folder, photo):
        for found in _by_name(place, photo):
            if len(found) > 1:
                names = ", ".join(str(path.relative_to(folder)) for path in found)
                raise MasksError(
                    f"{folder}: {photo.name!r} could mean any of {names}; give the right file "
                    "itself, or a folder with one of them"
                )
            if found:
                return found[0]
    return None


def describes(path: Path, photo: Path) -> bool:
    """Whether a file's name says that it is about a photo."""
    stems = {stem_key(photo), *(base + add for base in _bases(photo) for add in MASK_ADDITIONS)}
    return stem_key(path) in stems


def natural_key(path: Path) -> list[tuple[int, int | str]]:
    """Sorts `mask_2` before `mask_10`."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(number % 2, int(part) if number % 2 else part) for number, part in enumerate(parts)]


def _places(folder: Path, photo: Path) -> Iterator[Path]:
    """Folders in which a photo's masks may lie, the one that says most about it first."""
    above = photo.parts[:-1]
    for start in range(len(above)):
        place = folder.joinpath(*above[start:])
        if place != folder and not Path(above[start]).anchor and place.is_dir():
            yield place
    yield folder


def _by_name(place: Path, photo: Path) -> Iterator[list[Path]]:
    """Yields what bears a photo's name, by one rule after the other."""
    stamp = place.stat().st_mtime_ns
    same = [path for path in _of_stem(place, stamp, stem_key(photo)) if not _is_same(path, photo)]
    folders = [p for p in same if p.is_dir()]
    named = place / photo.name
    if photo.name and named.is_dir() and named not in folders:
        folders.append(named)
    yield folders + [path for path in same if path.suffix.lower() in READABLE and path.is_file()]
    added = [base + add for base in _bases(photo) for add in MASK_ADDITIONS]
    yield [
        path
        for stem in added
        for path in _of_stem(place, stamp, stem)
        if path.suffix.lower() in LOSSLESS and not path.is_dir()
    ]
    yield [path for path in same if path.suffix.lower() in LOSSY]  # refused when it is read


def _bases(photo: Path) -> tuple[str, ...]:
    stem = stem_key(photo)
    shorter = [stem.removesuffix(add) for add in PHOTO_ADDITIONS if stem.endswith(add)]
    return (stem, *shorter)


def _is_same(path: Path, photo: Path) -> bool:
    """Whether a file of the folder is the photo itself."""
    return path.name == photo.name and photo.exists() and path.samefile(photo)


@functools.lru_cache(maxsize=64)
def _index(folder: Path, stamp: int) -> dict[str, tuple[Path, ...]]:
    """Lists a folder once for all photos: its entries by stem, hidden ones left out."""
    found: dict[str, tuple[Path, ...]] = {}
    for path in sorted(folder.iterdir(), key=natural_key):
        if not path.name.startswith("."):
            key = unicodedata.normalize("NFC", path.name) if path.is_dir() else stem_key(path)
            found[key] = (*found.get(key, ()), path)
    return found


@functools.lru_cache(maxsize=64)
def _folded(folder: Path, stamp: int) -> dict[str, tuple[Path, ...]]:
    """The same without regard to case: `V.PNG` for `v.jpg`."""
    found: dict[str, tuple[Path, ...]] = {}
    for stem, paths in _index(folder, stamp).items():
        found[stem.casefold()] = (*found.get(stem.casefold(), ()), *paths)
    return found


def _of_stem(folder: Path, stamp: int, stem: str) -> tuple[Path, ...]:
    """Returns what bears a stem; written in another case only where nothing bears it exactly."""
    exact = _index(folder, stamp).get(stem, ())
    return exact or _folded(folder, stamp).get(stem.casefold(), ())


def _pictures(folder: Path) -> tuple[Path, ...]:
    entries = _index(folder, folder.stat().st_mtime_ns).values()
    found = [path for same in entries for path in same if path.suffix.lower() in LOSSLESS]
    return tuple(sorted(found, key=natural_key))


def _loose_pictures(folder: Path, subject: Subject) -> tuple[Path, ...]:
    """Returns pictures directly in the folder, if they must be masks of this photo."""
    pictures = _pictures(folder)
    if not pictures:
        lists = sorted(path.name for path in folder.glob("*.json"))
        hint = f" (to use {lists[0]}, give the file itself)" if lists else ""
        raise MasksError(f"{folder}: holds nothing for {subject.name!r}{hint}; {LAYOUTS}")
    problem = _problem_of_loose(folder, pictures, subject)
    if problem and unicodedata.normalize("NFC", folder.name) != stem_key(subject.path):
        raise MasksError(f"{folder}: holds nothing for {subject.name!r}, and {problem}; {LAYOUTS}")
    return pictures


def _problem_of_loose(folder: Path, pictures: tuple[Path, ...], subject: Subject) -> str:
    if subject.run > 1:
        return f"its {len(pictures)} pictures cannot be the masks of {subject.run} photos each"
    near = subject.path.absolute().parent
    if not subject.name or not near.is_dir():
        return ""
    if near == folder.absolute():
        return "its pictures lie among the photos"
    neighbours = _index(near, near.stat().st_mtime_ns)
    for picture in pictures:
        stem = stem_key(picture)
        for base in (stem, *(stem.removesuffix(add) for add in MASK_ADDITIONS)):
            photos = [p for p in neighbours.get(base, ()) if p.suffix.lower() in PICTURES]
            if photos:
                return f"{picture.name} bears the name of another photo, {photos[0]}"
    return ""
