"""Which photos a user means: names of files and folders, and patterns such as `photos/*.jpg`.

A name that exists is never a pattern, whatever brackets or stars it holds. A file that is named is
taken whatever its ending; of folders and patterns `ovseg_jax.inputs.folders` says what is a photo.
"""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Iterable
from pathlib import Path

from ovseg_jax.foundation.errors import ImageError, first_few, warn
from ovseg_jax.inputs.folders import Search
from ovseg_jax.inputs.images import address_refused, is_address


@dataclasses.dataclass
class Listing:
    """Photos that were found, and what could not be.

    Attributes:
        photos: Files, in the order in which they were given; those of a folder by name.
        refused: Why a name that was given leads to no photo.
    """

    photos: list[Path] = dataclasses.field(default_factory=list)
    refused: list[ImageError] = dataclasses.field(default_factory=list)


def list_photos(
    given: Iterable[str | Path], *, recursive: bool = False, clips: bool = False
) -> Listing:
    """Lists the photos of files, folders and patterns, each once.

    Args:
        given: What the user named.
        recursive: Look into subfolders too.
        clips: Take the videos too that a pattern means.

    Raises:
        ImageError: Nothing that was given leads to a photo.
    """
    listing, twice = Listing(), []
    seen: set[str] = set()
    for name in given:
        try:
            found = list_images(name, recursive=recursive, clips=clips)
        except ImageError as error:
            listing.refused.append(error)
            continue
        for path in found:
            place = os.path.join(os.path.realpath(path.parent), path.name)
            (twice if place in seen else listing.photos).append(path)
            seen.add(place)
    if listing.refused and not listing.photos:
        raise listing.refused[0]
    if twice:
        warn(f"{first_few(twice, 3)}: given twice; each photo is handled once")
    return listing


def list_images(name: str | Path, *, recursive: bool = False, clips: bool = False) -> list[Path]:
    """Returns the photo itself, or the photos of a folder or pattern in the order of their names.

    Args:
        name: What the user named.
        recursive: Look into subfolders too.
        clips: Take the videos too that a pattern means.

    Raises:
        ImageError: Nothing is there, or there is no photo in it.
    """
    text, path = os.fspath(name), Path(name)
    if not text:  # of a shell's variable without value; `Path` would make it the working folder
        raise ImageError("a photo's name is empty; give a photo or a folder of photos")
    if path.is_dir():
        return Search(recursive).of_folder(path)
    if os.path.lexists(path):
        return [path]
    if is_address(text):
        raise ImageError(address_refused(text))
    if not glob.has_magic(text):
        raise ImageError(f"{path}: no such file or folder; give a photo or a folder of photos")
    matches = sorted(map(Path, glob.glob(text, recursive=True)))
    if not matches:
        raise ImageError(f"{path}: no file matches this pattern")
    return Search(recursive, clips).of_matches(path, matches)
