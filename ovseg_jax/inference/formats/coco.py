"""COCO instances: run lengths, which lose nothing, and a score beside each.

Categories have the publisher's ids where the vocabulary is a published list. Segments of stuff are
annotations too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Bool

from ovseg_jax.inference.formats.photo import AnsweredPhoto, Segment
from ovseg_jax.inference.formats.writer import (
    Answers,
    Writer,
    coco_categories,
    image_ids,
    write_object,
)

INFO = {"description": "answers of ovseg", "version": "1.0"}


class Coco(Writer):
    """One file for all photos."""

    folder_names = ("annotations.json",)

    def write_folder(self, name: str, answers: Answers, file: BinaryIO) -> None:
        """Writes the annotations photo by photo, and then the images that they name."""
        images: list[dict[str, Any]] = []
        head = {"info": INFO, "licenses": [], "categories": coco_categories(answers.categories)}
        found = _annotations(answers, answers.file_names, images)
        write_object(file, head, {"annotations": found, "images": images})


WRITER = Coco()


def dataset_of(photo: AnsweredPhoto) -> dict[str, Any]:
    """Returns the COCO data set of one photo, ready for JSON."""
    images: list[dict[str, Any]] = []
    annotations = list(_annotations([photo], [photo.file], images))
    return {
        "info": INFO,
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": coco_categories(photo.categories),
    }


def image_of(photo: AnsweredPhoto, number: int, file_name: str) -> dict[str, Any]:
    """Describes a photo as COCO does."""
    return {
        "id": number,
        "file_name": file_name,
        "height": photo.height,
        "width": photo.width,
    }


def box_of(mask: Bool[np.ndarray, "H W"]) -> list[int]:
    """Returns x, y, width and height of what a mask covers; it must cover something."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]


def _annotations(
    photos: Iterable[AnsweredPhoto], file_names: Sequence[str], images: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yields the annotations of all photos, and adds each photo to `images` before its own."""
    count = 0
    for photo, number, name in zip(photos, image_ids(file_names), file_names, strict=True):
        images.append(image_of(photo, number, name))
        for segment in photo.segments:
            count += 1
            yield {"id": count, "image_id": number} | _annotation(segment)


def _annotation(segment: Segment) -> dict[str, Any]:
    return {
        "category_id": segment.category.id,
        "segmentation": dict(segment.rle),
        "area": segment.area,
        "bbox": box_of(segment.mask()),
        "iscrowd": 0,
        "score": segment.score,
    }
