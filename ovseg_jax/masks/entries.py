"""Entries with COCO's "segmentation", alone, by image or in a list of results.

* one photo: `{"proposals": [...]}` (or `segments`, `annotations`), or the list alone;
* many photos: `{"a.jpg": {"proposals": [...]}, ...}`;
* results: a list whose entries name their image by `file_name`, `image` or `image_id`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import MaskEntry, Subject, wrong_size
from ovseg_jax.masks.names import match_name, same_photo, without_ending
from ovseg_jax.masks.shapes import draw_segmentation

LISTS = ("proposals", "segments", "annotations")
"""Keys under which one photo's masks are listed."""
OWNERS = ("file_name", "image", "image_id")
"""Keys that say to which image an entry belongs."""


def entry(path: Path, where: str, item: Any, names: Mapping[Any, str]) -> MaskEntry:
    """Reads one entry.

    Args:
        path: The file, for messages.
        where: The entry's place in it.
        item: The entry.
        names: Category names by number.

    Raises:
        MasksError: It has no segmentation, or a field is malformed.
    """
    if not isinstance(item, dict):
        raise MasksError(f"{path} {where}: is {type(item).__name__}, not an object")
    segmentation = item if "counts" in item else item.get("segmentation")
    if segmentation is None:
        box = "; a box is no mask" if "bbox" in item else ""
        raise MasksError(f"{path} {where}: has no 'segmentation'{box}")
    label = item.get("category_id", item.get("label"))
    label = label if type(label) is int and abs(label) < 2**63 else None
    name = item.get("name", names.get(label))
    return MaskEntry(
        where=where,
        draw=functools.partial(draw_segmentation, segmentation),
        score=_number(path, where, "score", item.get("score")),
        label=label,
        name=name if isinstance(name, str) else None,
    )


def of_one_photo(path: Path, content: Any, subject: Subject, where: str = "") -> list[MaskEntry]:
    """Reads {"proposals": [...], "width": ..., "height": ...}, or the list alone.

    Raises:
        MasksError: It holds no such list, or says another size or photo.
    """
    key = ""
    if isinstance(content, dict):
        key = next((key for key in LISTS if isinstance(content.get(key), list)), "")
        if not key:
            raise MasksError(f"{path} {where}: has none of the lists {', '.join(LISTS)}")
        _check_owner(path, content.get("image"), subject)
        check_size(path, where, content, subject)
        content = content[key]
    if not isinstance(content, list):
        raise MasksError(f"{path} {where}: is {type(content).__name__}, not a list of masks")
    _check_one_owner(path, f"{where} {key}".strip(), content, subject)
    places = [f"{where} {key}[{index}]".strip() for index in range(len(content))]
    return [entry(path, *pair, {}) for pair in zip(places, content, strict=True)]


def by_name(path: Path, content: Mapping[str, Any], subject: Subject) -> list[MaskEntry]:
    """Reads {"a.jpg": {"proposals": [...]}, ...}."""
    match = match_name(path, list(content), subject)
    return of_one_photo(path, content[match.name], subject, str(match))


def of_results(path: Path, content: list, subject: Subject) -> list[MaskEntry]:
    """Reads entries that name their image.

    Raises:
        MasksError: It cannot be told which are the photo's.
    """
    owners = [_owner(item) for item in content]
    named = [owner for owner in owners if owner is not None]
    if len(named) < len(owners):
        nameless = owners.index(None)
        raise MasksError(f"{path} [{nameless}]: names no image, while others do, by {OWNERS}")
    chosen = _choose_owner(path, named, subject)
    own = [index for index, owner in enumerate(owners) if owner == chosen]
    return [entry(path, f"[{index}]", content[index], {}) for index in own]


def names_images(content: list) -> bool:
    """Whether entries of a list say to which image they belong."""
    return any(_owner(item) is not None for item in content)


def check_size(path: Path, where: str, content: Mapping[str, Any], subject: Subject) -> None:
    """Refuses a "height" and "width" other than the photo's; null says nothing."""
    stated = tuple(content.get(key) for key in ("height", "width"))
    height, width = (
        own if side is None else side for side, own in zip(stated, subject.size, strict=True)
    )
    if (height, width) != subject.size:
        what = "'height' x 'width'"
        raise MasksError(f"{path} {where}: {wrong_size(what, (height, width), subject.size)}")


def check_name(path: Path, field: str, name: Any, subject: Subject) -> None:
    """Refuses a file about one photo that names another; an empty name says nothing."""
    if isinstance(name, str) and name and subject.name and not same_photo(name, subject):
        raise MasksError(
            f"{path}: {field} says {name!r}, and the photo is {subject.name!r}; give its own file, "
            "or correct the name"
        )


def _check_owner(path: Path, image: Any, subject: Subject) -> None:
    """Checks "image", which our own results and SA-1B have."""
    if isinstance(image, dict):
        check_name(path, "'image'", image.get("file", image.get("file_name")), subject)
        check_size(path, "'image'", image, subject)
    else:
        check_name(path, "'image'", image, subject)


def _check_one_owner(path: Path, where: str, content: list, subject: Subject) -> None:
    """Refuses a list about one photo whose entries say that they belong to several."""
    owners = list(dict.fromkeys(o for o in map(_owner, content) if o is not None))
    if len(owners) > 1:
        shown = ", ".join(f"{owner!r:.50}" for owner in owners[:3])
        raise MasksError(
            f"{path} {where}: entries belong to several images, {shown}, and nothing says which is "
            f"{subject.name or 'the photo'}; add COCO's list 'images'"
        )
    if owners and isinstance(owners[0], str):
        check_name(path, f"{where}: an entry", owners[0], subject)


def _owner(item: Any) -> str | int | None:
    for key in OWNERS:
        value = item.get(key) if isinstance(item, dict) else None
        if type(value) in (str, int):
            return value
    return None


def _choose_owner(path: Path, owners: list[str | int], subject: Subject) -> str | int:
    named = [owner for owner in owners if isinstance(owner, str)]
    if named:
        return match_name(path, named, subject).name
    numbers = sorted({owner for owner in owners if isinstance(owner, int)})
    number = _coco_number(subject.name)
    if number is None or not all(0 <= n < 10**12 for n in numbers):
        raise MasksError(
            f"{path}: cannot tell which image_id is {subject.name or 'the photo'} (there are "
            f"{', '.join(map(str, numbers[:5]))}{', ...' if len(numbers) > 5 else ''}); add "
            "'file_name' to the entries, or give an instances JSON with its list of images"
        )
    if number not in numbers:
        raise MasksError(
            f"{path}: no image_id is {number}, which {subject.name!r} has by COCO's names"
        )
    return number


def _coco_number(name: str) -> int | None:
    """The image_id that COCO's own names state: twelve digits and nothing else."""
    stem = (without_ending(name) or ("",))[-1]
    found = re.fullmatch(r"(?:COCO_(?:train|val|test)20[0-9]{2}_)?([0-9]{12})", stem)
    return int(found[1]) if found else None


def _number(path: Path, where: str, field: str, value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not abs(value) < 1e30:
        raise MasksError(f"{path} {where}: {field!r} is {value!r:.99}, not a number")
    return float(value)
