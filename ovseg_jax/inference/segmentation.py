"""The answer for one photo as users hold it: asked by name, shown, handed to other tools, saved."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int
from PIL import Image

from ovseg_jax.foundation.errors import MissingPackageError, first_few
from ovseg_jax.inference.formats.coco import box_of, dataset_of
from ovseg_jax.inference.formats.photo import AnsweredPhoto
from ovseg_jax.inference.output.drawing import draw_overlay, draw_segments
from ovseg_jax.inference.output.save import describe, save_answer
from ovseg_jax.inference.results import Answer, SegmenterError

if TYPE_CHECKING:
    import supervision  # type: ignore[reportMissingImports] - optional

SHOWN_SIDE = 1200
"""Longer side of the picture that a notebook shows, in pixels."""


@dataclasses.dataclass(frozen=True)
class NamedSegment:
    """One segment of an answer.

    Attributes:
        name: Its class.
        position: Of the class in the vocabulary.
        score: Probability of the class.
        is_thing: Whether the class is countable.
        mask: Its pixels; those of instances may overlap.
    """

    name: str
    position: int
    score: float
    is_thing: bool
    mask: Bool[np.ndarray, "H W"]


class Segmentation(Answer):
    """The answer for one photo; its fields are those of `Answer`."""

    @property
    def labels(self) -> Int[np.ndarray, "H W"]:
        """Position of each pixel's class in the vocabulary; -1 where nothing is claimed."""
        return self.prediction.labels

    @property
    def segments(self) -> list[NamedSegment]:
        """All segments, as the JSON lists them."""
        found = self.prediction
        return [
            NamedSegment(name, int(label), float(score), bool(self.is_thing[label]), mask)
            for name, label, score, mask in zip(
                self.names, found.classes, found.scores, np.asarray(found.masks), strict=True
            )
        ]

    def segments_of(self, name: str) -> list[NamedSegment]:
        """Returns the segments of a class, by any of its names; none if it was not found.

        Raises:
            SegmenterError: The vocabulary has no such name.
        """
        position = self._position(name)
        return [segment for segment in self.segments if segment.position == position]

    def mask_of(self, name: str) -> Bool[np.ndarray, "H W"]:
        """Returns all pixels of the segments of a class, by any of its names.

        Raises:
            SegmenterError: The vocabulary has no such name.
        """
        empty = np.zeros(self.labels.shape, bool)
        return np.logical_or.reduce([empty, *(s.mask for s in self.segments_of(name))])

    def plot(self, *, legend: bool = True) -> Image.Image:
        """Draws the answer over the photo.

        Args:
            legend: Also names the colours, to the right of the photo.
        """
        return draw_overlay(self) if legend else draw_segments(self)

    def _repr_png_(self) -> bytes:
        """What a notebook shows of an answer in the last line of a cell."""
        picture = self.plot()
        picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()

    def to_coco(self) -> dict[str, Any]:
        """Returns a COCO data set of this photo, ready for JSON and for pycocotools.

        Categories have the publisher's ids where the vocabulary is a published list; annotations
        have run lengths, boxes and scores.
        """
        return dataset_of(AnsweredPhoto.of(describe(self), Path(self.photo or "image").stem))

    def to_supervision(self) -> supervision.Detections:
        """Returns the segments as Roboflow's supervision has them, with "class_name" as data.

        Raises:
            MissingPackageError: supervision is not installed.
        """
        try:
            import supervision  # type: ignore[reportMissingImports] - optional
        except ImportError as error:
            raise MissingPackageError(
                "to_supervision needs supervision: pip install supervision"
            ) from error
        found = [segment for segment in self.segments if segment.mask.any()]
        boxes = np.array([box_of(segment.mask) for segment in found], float).reshape(-1, 4)
        masks = [segment.mask for segment in found]
        return supervision.Detections(
            xyxy=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
            mask=np.array(masks, bool).reshape(-1, *self.labels.shape),
            confidence=np.array([segment.score for segment in found], np.float32),
            class_id=np.array([segment.position for segment in found], int),
            data={"class_name": np.array([segment.name for segment in found], dtype=str)},
        )

    def save(self, folder: str | Path, stem: str = "", *, overwrite: bool = False) -> list[Path]:
        """Writes label PNG, overlay PNG, JSON and maps (`ovseg_jax.inference.output.save`).

        Args:
            folder: Where to write.
            stem: Start of the file names; by default that of the photo's file.
            overwrite: Also replace our own files that were altered, or that answer another photo.

        Returns:
            The files written.

        Raises:
            OutputError: A file is there that may not be replaced (nothing is written then), or the
                disk refuses (the file in question is not left half written).
        """
        stem = stem or Path(self.photo or "image").stem
        return save_answer(self, folder, stem, overwrite=overwrite)

    def _position(self, name: str) -> int:
        for position, entry in enumerate(self.words.classes.classes):
            if name in entry.synonyms:
                return position
        known = first_few(map(repr, self.words.classes.names))
        raise SegmenterError(f"the vocabulary has no {name!r}; it has {known}")
