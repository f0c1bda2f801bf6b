"""Masks of photos from a file or folder of any known form."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.archives import read_archive
from ovseg_jax.masks.cvat import read_cvat
from ovseg_jax.masks.folders import LAYOUTS, describes, find_in_folder
from ovseg_jax.masks.found import (
    FileMasks,
    Subject,
    draw_entries,
    empty_masks,
    warn_of_odd_masks,
)
from ovseg_jax.masks.json_file import read_json
from ovseg_jax.masks.label_maps import label_map, single_mask
from ovseg_jax.masks.names import stem_key, without_hash
from ovseg_jax.masks.pictures import LOSSLESS, LOSSY, read_picture
from ovseg_jax.masks.unread import ACCEPTED, name_of_file
from ovseg_jax.masks.yolo import read_yolo


@dataclasses.dataclass(frozen=True)
class MaskFiles:
    """A file or folder of masks, for the photos of one run.

    Attributes:
        path: The file or folder.
        photos: All photos that are asked for, so that no masks serve two of them by accident.
    """

    path: Path
    photos: tuple[Path, ...] = ()

    def read(self, photo: str | Path, height: int, width: int) -> FileMasks:
        """Reads the masks of one photo.

        * `.json`: COCO instances, panoptic or results; proposals by image; LabelMe, Label Studio,
          VIA; our own answers. `.geojson`: polygons in pixels. `.xml`: CVAT for images.
        * label map (`.png`, `.tif`, `.bmp`): a number or colour per mask, 0 for nothing.
        * `.npz`: `masks` [q, height, width], and optionally `scores`, `labels`, `names`.
        * `.txt`: YOLO's polygons.
        * folder: one such file per photo, named after it; or a subfolder per photo with a picture
          per mask.

        Args:
            photo: The photo's file, to find it where masks of many are; empty if it has none.
            height: Height of the photo as shown (after any EXIF rotation), in pixels.
            width: Width of the photo as shown, in pixels.

        Raises:
            MasksError: Names the file and what is wrong, missing, ambiguous or of another size.
        """
        photo = Path(photo)
        rivals = tuple(p for p in self._by_stem.get(_bare(photo), ()) if p != photo)
        subject = Subject(photo, (height, width), rivals, max(1, len(self.photos)))
        if self.path.is_dir():
            match = find_in_folder(self.path, subject)
            if match.file is None:
                return _read_pictures(self.path, match.pictures, subject)
            return _read_file(match.file, subject)
        if not self.path.exists():
            raise MasksError(f"{self.path}: no such file or folder of masks")
        return _read_file(self.path, subject)

    @functools.cached_property
    def _by_stem(self) -> Mapping[str, Sequence[Path]]:
        found: dict[str, list[Path]] = {}
        for photo in self.photos:
            found.setdefault(_bare(photo), []).append(photo)
        return found


def _bare(photo: Path) -> str:
    """What photos share that could be taken for each other."""
    return stem_key((without_hash(photo.name) or ("",))[-1])


def _read_file(path: Path, subject: Subject) -> FileMasks:
    found, named = _read_any(path, subject)
    if not named and subject.run > 1 and not describes(path, subject.path):
        raise MasksError(
            f"{path}: holds the masks of one photo and does not say of which, and "
            f"{subject.run} photos are asked for; {LAYOUTS}"
        )
    warn_of_odd_masks(found, path)
    return found


def _read_any(path: Path, subject: Subject) -> tuple[FileMasks, bool]:
    """Reads a file by its ending; also says whether it names the photo itself."""
    suffix = path.suffix.lower()
    if suffix in (".json", ".geojson"):
        return read_json(path, subject)
    if suffix == ".xml":
        return draw_entries(path, read_cvat(path, subject), subject), True
    if suffix in LOSSLESS or suffix in LOSSY:
        found = label_map(read_picture(path, subject.size), str(path))
        sources = tuple(f"{path.name} {place}" for place in found.places)
        return FileMasks(found.masks(str(path)), sources=sources), False
    if suffix == ".npz":
        return read_archive(path, subject), False
    if suffix == ".txt":
        return draw_entries(path, read_yolo(path), subject), False
    raise MasksError(f"{path}: is {name_of_file(path)}; {ACCEPTED}")


def _read_pictures(folder: Path, pictures: Sequence[Path], subject: Subject) -> FileMasks:
    """Reads pictures of one mask each."""
    masks = empty_masks(len(pictures), subject.size, str(folder))
    for mask, path in zip(masks, pictures, strict=True):
        mask[:] = single_mask(read_picture(path, subject.size), str(path))
    sources = tuple(path.relative_to(folder).as_posix() for path in pictures)
    found = FileMasks(masks, sources=sources)
    warn_of_odd_masks(found, folder)
    return found
