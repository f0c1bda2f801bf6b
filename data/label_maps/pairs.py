"""Which label map belongs to which photo: those of one name, whatever comes after it."""

from __future__ import annotations

import collections
import dataclasses
import glob
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from etils import epath

from data.manual_files import ManualFileError, require_folder
from ovseg_jax.foundation.errors import counted, first_few

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
LABEL_SUFFIXES = (".png", ".tif", ".tiff")
SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Pair:
    """A photo and its label map.

    Attributes:
        name: Path of the photo in its folder.
        photo: The photo.
        labels: The label map.
    """

    name: str
    photo: epath.Path
    labels: epath.Path


@dataclasses.dataclass(frozen=True)
class Folders:
    """Where the files of a split lie.

    Attributes:
        photos: Folder of the photos.
        labels: Folder of the label maps.
        photo_suffixes: What follows the name that a photo shares with its map.
        label_suffixes: What follows it in the name of a map.
        partial: Whether photos without a map are left out.
    """

    photos: Path
    labels: Path
    photo_suffixes: tuple[str, ...] = PHOTO_SUFFIXES
    label_suffixes: tuple[str, ...] = LABEL_SUFFIXES
    partial: bool = False


def find_pairs(folders: Folders) -> list[Pair]:
    """Pairs photos and label maps by path and name, without their suffixes; sorted.

    Raises:
        ManualFileError: A folder is missing or empty, a name stands twice, or something has no
            partner.
    """
    maps = files_by_stem(folders.labels, folders.label_suffixes, "the label maps")
    photos = files_by_stem(
        folders.photos, folders.photo_suffixes, "the photos", {str(path) for path in maps.values()}
    )
    _check_partners(folders, photos, maps)
    return [
        Pair(photos[stem].relative_to(folders.photos).as_posix(), *map(epath.Path, paths))
        for stem in sorted(maps)
        for paths in [(photos[stem], maps[stem])]
    ]


def files_by_stem(
    folder: Path, suffixes: Sequence[str], what: str, others: Collection[str] = ()
) -> dict[str, Path]:
    """Returns the files with one of some suffixes, in any case, by the path before it.

    Args:
        folder: Where to look, in its folders too.
        suffixes: Such as ".png".
        what: What they are, in words.
        others: Paths of files that are others.

    Raises:
        ManualFileError: The folder is missing or has none of them, or a name stands twice.
    """
    require_folder(epath.Path(folder), what)
    # glob follows links to folders, and leaves hidden files out, such as macOS's side files.
    names = sorted(glob.glob("**/*", root_dir=folder, recursive=True))
    names = [name for name in names if os.path.isfile(folder / name)]
    longest_first = sorted(suffixes, key=len, reverse=True)
    found: dict[str, Path] = {}
    for name in names:
        ending = next((x for x in longest_first if name.lower().endswith(x.lower())), None)
        if ending is None or str(folder / name) in others:
            continue
        stem = Path(name[: -len(ending)]).as_posix()
        if stem in found:
            raise ManualFileError(
                f"{folder}: {found[stem].name} and {Path(name).name} have the same name before "
                "their suffix; which one is meant? Name the suffix in the description"
            )
        found[stem] = folder / name
    if not found:
        raise ManualFileError(
            f"{what} not found: no file in {folder} ends with {' or '.join(suffixes)}; "
            f"{_held(names)}"
        )
    return found


def _held(names: Sequence[str]) -> str:
    """Says what there is instead."""
    count = collections.Counter(Path(name).suffix or "no ending" for name in names)
    kinds = [f"{number} of {ending}" for ending, number in count.most_common()]
    hint = " (polygons in .txt are read by `ovseg data prepare`)" if count[".txt"] else ""
    return f"it holds {first_few(kinds) or 'no files'}{hint}"


def _check_partners(folders: Folders, photos: dict[str, Path], maps: dict[str, Path]) -> None:
    """Refuses what has no partner, and tells both differences."""
    alone = [photos[stem] for stem in sorted(photos.keys() - maps.keys())]
    widows = [maps[stem] for stem in sorted(maps.keys() - photos.keys())]
    if folders.partial and len(alone) < len(photos):
        alone = []
    if not alone and not widows:
        return
    raise ManualFileError(
        f"{folders.photos} and {folders.labels} do not pair: "
        f"{counted(len(alone), 'photo')} without a label map ({_named(alone)}), "
        f"{counted(len(widows), 'label map')} without a photo ({_named(widows)})"
        f"{_advice(alone, widows)}"
    )


def _named(paths: Sequence[Path]) -> str:
    return first_few([path.name for path in paths], SHOWN) or "none"


def _advice(alone: Sequence[Path], widows: Sequence[Path]) -> str:
    """Says which suffix would pair them, or how to leave photos out."""
    if not widows:
        return "; 'partial: true' leaves photos without a label map out"
    label = widows[0]
    for photo in sorted(alone, key=lambda path: len(path.stem), reverse=True):
        if label.name.startswith(photo.stem):
            return f"; perhaps 'label_suffix: {label.name[len(photo.stem) :]}' is missing"
        if photo.name.startswith(label.stem):
            return f"; perhaps 'photo_suffix: {photo.name[len(label.stem) :]}' is missing"
    return ""
