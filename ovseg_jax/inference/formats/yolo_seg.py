"""YOLO's segmentation labels: a text file per photo, a line per mask, and `data.yaml` for all.

A line holds one ring, so parts and holes of a mask are joined by lines of no width. Scores have no
place: a number more in a line would be taken for half a corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from ovseg_jax.inference.formats.photo import AnsweredPhoto, Segment
from ovseg_jax.inference.formats.writer import Answers, Writer
from ovseg_jax.masks.outlines import one_path, polygons_of


class YoloSeg(Writer):
    """A file per photo, and the names of the classes."""

    folder_names = ("data.yaml",)

    def photo_names(self, stem: str) -> tuple[str, ...]:
        """The stem must be that of the photo, which lies in `images/` beside `labels/`."""
        return (f"labels/{stem}.txt",)

    def photo_files(self, photo: AnsweredPhoto) -> Iterator[bytes]:
        """Yields the file; an empty one is a photo without objects."""
        yield "".join(f"{_line(segment)}\n" for segment in photo.segments).encode("ascii")

    def write_folder(self, name: str, answers: Answers, file: BinaryIO) -> None:
        """Writes the names, by which Ultralytics' training finds its classes."""
        import yaml

        names = {position: x.name for position, x in enumerate(answers.categories)}
        text = yaml.safe_dump(
            {"path": ".", "train": "images", "val": "images", "names": names},
            allow_unicode=True,
            sort_keys=False,
            width=2**31,
        )
        file.write(text.encode("utf-8", "backslashreplace"))


WRITER = YoloSeg()


def _line(segment: Segment) -> str:
    height, width = segment.size
    path = one_path(polygons_of(segment.mask())) / np.array([width, height])
    return f"{segment.position} {' '.join(f'{value:.6g}' for value in path.ravel())}"
