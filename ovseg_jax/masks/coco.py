"""COCO's instances and panoptic files, and those that follow them (LVIS, Roboflow, CVAT, SA-V)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from ovseg_jax.foundation.errors import MasksError, warn
from ovseg_jax.masks.entries import check_size, entry
from ovseg_jax.masks.found import MaskEntry, Size, Subject
from ovseg_jax.masks.names import Match, alike, match_name
from ovseg_jax.masks.pictures import read_picture


def read_coco(path: Path, content: Mapping[str, Any], subject: Subject) -> list[MaskEntry]:
    """Lists a photo's masks; none where it is listed without annotations.

    Raises:
        MasksError: The photo is not listed, twice listed, of another size, or a field is wrong.
    """
    try:
        image, match = _find_image(path, content["images"], subject)
        names = {c["id"]: c["name"] for c in content.get("categories") or []}
        own = [
            (f"annotations[{index}] of {match}", item)
            for index, item in enumerate(content["annotations"])
            if item["image_id"] == image["id"]
        ]
        if not own:
            _warn_of_strays(path, content)
    except KeyError as error:
        raise MasksError(f"{path}: images, categories or annotations lack {error}") from error
    except (TypeError, AttributeError) as error:
        raise MasksError(
            f"{path}: images, categories or annotations are not lists of objects ({error})"
        ) from error
    check_size(path, str(match), image, subject)
    if not own or "segments_info" not in own[0][1]:
        return [entry(path, where, item, names) for where, item in own]
    if len(own) > 1:
        raise MasksError(f"{path}: {match.name!r} has {len(own)} panoptic annotations, not one")
    return _read_panoptic(path, *own[0], names, subject)


def _find_image(
    path: Path, images: Sequence[Mapping], subject: Subject
) -> tuple[Mapping[str, Any], Match]:
    match = match_name(path, [_name(image) for image in images], subject)
    name = match.name
    found = [image for image in images if _name(image) == name]
    if len(found) > 1:
        ids = [image["id"] for image in found]
        raise MasksError(f"{path}: lists {name!r} {len(found)} times, with the ids {ids[:5]}")
    shared = [_name(image) for image in images if image["id"] == found[0]["id"]]
    if len(shared) > 1:
        raise MasksError(f"{path}: {shared[:5]} share the id {found[0]['id']}")
    return found[0], match


def _warn_of_strays(path: Path, content: Mapping[str, Any]) -> None:
    """Says why a photo may have none: annotations whose image is not listed, such as "7" for 7."""
    known = {image["id"] for image in content["images"]}
    owners = [annotation["image_id"] for annotation in content["annotations"]]
    if strays := [owner for owner in owners if owner not in known]:
        warn(f"{path}: {tell_strays(strays, len(owners))}; their masks serve no photo")


def tell_strays(strays: Sequence[Any], total: int) -> str:
    """Says how many of all annotations name an image that is not listed, and one of these."""
    return (
        f"{len(strays)} of {total} annotations belong to no image: no 'id' equals their "
        f"'image_id' {strays[0]!r:.50}"
    )


def _name(image: Mapping[str, Any]) -> str:
    """The name of an image; LVIS has only its address."""
    name = image.get("file_name") or image.get("coco_url") or image["file_name"]
    return name if isinstance(name, str) else ""


def _read_panoptic(
    path: Path, where: str, item: Mapping, names: Mapping, subject: Subject
) -> list[MaskEntry]:
    """Reads the PNG beside a panoptic JSON; its ids and the listed ones must be the same."""
    where = f"{where}.segments_info"
    try:
        segments = [(int(s["id"]), s.get("category_id")) for s in item["segments_info"]]
        source = str(item["file_name"])
        named = [names.get(category) for _, category in segments]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise MasksError(f"{path} {where}: an entry lacks {error}") from error
    listed = [number for number, _ in segments]
    _check_listed(path, where, listed)
    picture = _picture_beside(path, source)
    ids = read_picture(picture, subject.size).ids
    _check_pixels(path, picture, listed, np.unique(ids))
    return [
        MaskEntry(
            where=f"{where}[{index}]",
            draw=_Region(ids, number),
            label=category if type(category) is int and abs(category) < 2**63 else None,
            name=name if isinstance(name, str) else None,
        )
        for index, ((number, category), name) in enumerate(zip(segments, named, strict=True))
    ]


class _Region:
    """Draws the pixels of one id."""

    def __init__(self, ids: Int[np.ndarray, "H W"], number: int):
        self.ids, self.number = ids, number

    def __call__(self, size: Size) -> Bool[np.ndarray, "H W"]:
        return self.ids == self.number


def _picture_beside(path: Path, source: str) -> Path:
    """Finds a panoptic PNG beside its JSON or in a folder of its name, and nowhere else."""
    inside = PurePosixPath(*(part for part in alike(source) if part not in ("..", "/")))
    places = [path.parent / path.stem / inside, path.parent / inside]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise MasksError(f"{path}: its picture is neither at {places[0]} nor at {places[1]}")
    return found


def _check_listed(path: Path, where: str, ids: Sequence[int]) -> None:
    """Refuses segments that would share pixels or own the void."""
    if twice := sorted({number for number in ids if ids.count(number) > 1}):
        raise MasksError(f"{path} {where}: ids {twice[:5]} stand there more than once and overlap")
    if 0 in ids:
        raise MasksError(f"{path} {where}: id 0 is void and cannot be a segment")


def _check_pixels(path: Path, picture: Path, listed: Sequence[int], values: np.ndarray) -> None:
    found = set(values.tolist())
    if extra := sorted(found - {0, *listed}):
        raise MasksError(f"{picture}: ids {extra[:5]} have no entry in segments_info of {path}")
    if empty := sorted(set(listed) - found):
        raise MasksError(f"{picture}: segments_info of {path} lists ids {empty[:5]} without pixels")
