"""Numbers by which the publisher of a data set knows its classes and photos."""

from __future__ import annotations

import re
from typing import Any

from ovseg_jax.vocabulary.classes import ClassList

NUMBERED = re.compile(r"(?:COCO_(?:train|val|test)201\d_)?(\d+)")
CITYSCAPES = "_leftImg8bit"
"""What photos of Cityscapes have behind the name that annotations give them."""


def category_ids(classes: ClassList) -> tuple[int, ...]:
    """Returns the publisher's id of each class; where it has none, positions counted from 1."""
    ids = [entry.original_id for entry in classes.classes]
    known = [number for number in ids if number is not None]
    if len(set(known)) == len(ids):
        return tuple(known)
    return tuple(range(1, len(ids) + 1))


def categories(classes: ClassList) -> list[dict[str, Any]]:
    """Describes the classes, in their order, as COCO panoptic does."""
    return [
        {"id": number, "name": x.name, "isthing": int(x.is_thing), "color": list(x.color)}
        for number, x in zip(category_ids(classes), classes.classes, strict=True)
    ]


def stem(file_name: str) -> str:
    """Returns the name of a photo without folder and ending."""
    return file_name.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def image_id(file_name: str) -> int | str:
    """Returns the id that annotations give a photo: COCO's number in its name, or the name."""
    own = stem(file_name).removesuffix(CITYSCAPES)
    number = NUMBERED.fullmatch(own)
    return int(number[1]) if number else own
