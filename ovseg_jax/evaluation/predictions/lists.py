"""Lists of predictions, which may be by others: held to their form, photo ids and categories."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ovseg_jax.foundation.errors import OperandError, first_few

Segments = dict[Any, dict[int, int]]
Instances = dict[Any, list[dict[str, Any]]]


def read_segments_info(
    content: Any, where: str, ids: Sequence[int], photos: Collection[Any]
) -> Segments:
    """Returns the class of each segment by its id, by the id of the photo.

    Args:
        content: Of a COCO panoptic JSON.
        where: The file, for messages.
        ids: Category id of each class.
        photos: Ids of all photos.

    Raises:
        OperandError: It has another form, an unknown category, or not the photos.
    """
    entries = content.get("annotations") if isinstance(content, Mapping) else None
    if not isinstance(entries, list):
        raise OperandError(f"{where}: is no COCO panoptic JSON; it has no list 'annotations'")
    found: Segments = {}
    classes = {number: place for place, number in enumerate(ids)}
    for number, entry in enumerate(entries):
        place = f"{where}: annotations[{number}]"
        segments = _field(entry, "segments_info", list, place)
        photo = _field(entry, "image_id", (int, str), place)
        if photo in found:
            raise OperandError(f"{place}: photo {photo!r} is there twice")
        found[photo] = {
            _field(each, "id", int, place): _category(each, classes, place) for each in segments
        }
    _check_photos(found, photos, where)
    if missing := [photo for photo in photos if photo not in found]:
        raise OperandError(f"{where}: lacks the photos {first_few(map(repr, missing))}")
    return found


def read_results(
    content: Any, where: str, ids: Sequence[int], photos: Collection[Any]
) -> Instances:
    """Returns COCO results by the id of the photo; photos without any are not in it.

    Args:
        content: Of a COCO results JSON.
        where: The file, for messages.
        ids: Category id of each class.
        photos: Ids of all photos.

    Raises:
        OperandError: It has another form, an unknown category or photo, or masks without run
            lengths.
    """
    if not isinstance(content, list):
        raise OperandError(f"{where}: is no list of COCO results")
    found: Instances = defaultdict(list)
    classes = {number: place for place, number in enumerate(ids)}
    for number, item in enumerate(content):
        place = f"{where}: result {number}"
        photo = _field(item, "image_id", (int, str), place)
        _category(item, classes, place)
        score = _field(item, "score", (int, float), place)
        if not math.isfinite(score):
            raise OperandError(f"{place}: 'score' is {score}")
        runs = _field(item, "segmentation", Mapping, place, "COCO's packed run lengths")
        _field(runs, "counts", str, f"{place}: segmentation")
        size = _field(runs, "size", list, f"{place}: segmentation")
        if len(size) != 2 or not all(isinstance(side, int) for side in size):
            raise OperandError(f"{place}: segmentation: 'size' is {size}; give [height, width]")
        found[photo].append(item)
    _check_photos(found, photos, where)
    return dict(found)


def _check_photos(found: Collection[Any], photos: Collection[Any], where: str) -> None:
    known = set(photos)
    unknown = [photo for photo in found if photo not in known]
    if unknown:
        raise OperandError(
            f"{where}: predicts for photos that are not scored: {first_few(map(repr, unknown))}; "
            f"their ids are such as {first_few(map(repr, list(photos)[:3]))}"
        )


def _category(item: Any, classes: Mapping[int, int], place: str) -> int:
    number = _field(item, "category_id", int, place)
    if number not in classes:
        raise OperandError(
            f"{place}: 'category_id' is {number}, which is none of the {len(classes)} categories: "
            f"{first_few(classes)}"
        )
    return classes[number]


def _field(item: Any, name: str, kind: Any, place: str, wanted: str = "") -> Any:
    """A field that must be there and of a kind."""
    if not isinstance(item, Mapping) or name not in item:
        raise OperandError(f"{place}: lacks {name!r}{wanted and f', {wanted}'}")
    value = item[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        hint = f"; give {wanted}" if wanted else ""
        raise OperandError(f"{place}: {name!r} is of type {type(value).__name__}{hint}")
    return value
