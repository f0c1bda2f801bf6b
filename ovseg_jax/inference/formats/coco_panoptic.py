"""COCO panoptic: a PNG per photo whose colours are segment ids, and a JSON that explains them.

A pixel belongs to one segment: where instances overlap the most certain lies on top, and a segment
of which nothing is seen is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from ovseg_jax.inference.formats.coco import INFO, box_of, image_of
from ovseg_jax.inference.formats.photo import AnsweredPhoto
from ovseg_jax.inference.formats.writer import (
    Answers,
    Writer,
    coco_categories,
    image_ids,
    write_object,
)
from ovseg_jax.masks.id_pictures import segments_png


class CocoPanoptic(Writer):
    """A picture per photo, one JSON for all."""

    folder_names = ("panoptic.json",)

    def photo_names(self, stem: str) -> tuple[str, ...]:
        """The picture lies in a folder that is called as the JSON."""
        return (f"panoptic/{stem}.png",)

    def photo_files(self, photo: AnsweredPhoto) -> Iterator[bytes]:
        """Yields the picture."""
        yield segments_png(photo.paint())

    def write_folder(self, name: str, answers: Answers, file: BinaryIO) -> None:
        """Writes what is in each picture, and then the images."""
        images: list[dict[str, Any]] = []
        head = {"info": INFO, "licenses": [], "categories": coco_categories(answers.categories)}
        found = _annotations(answers, images)
        write_object(file, head, {"annotations": found, "images": images})


WRITER = CocoPanoptic()


def _annotations(answers: Answers, images: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    names = answers.file_names
    for photo, number, name in zip(answers, image_ids(names), names, strict=True):
        images.append(image_of(photo, number, name))
        yield {
            "image_id": number,
            "file_name": f"{photo.stem}.png",
            "segments_info": list(_segments(photo)),
        }


def _segments(photo: AnsweredPhoto) -> Iterator[dict[str, Any]]:
    ids = photo.paint()
    areas = np.bincount(ids.ravel(), minlength=1)
    for segment in photo.segments:
        if segment.number < len(areas) and areas[segment.number]:
            yield {
                "id": segment.number,
                "category_id": segment.category.id,
                "area": int(areas[segment.number]),
                "bbox": box_of(ids == segment.number),
                "iscrowd": 0,
                "score": segment.score,
            }
