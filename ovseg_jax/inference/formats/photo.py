"""What formats are written from: the record of one photo, as its JSON file holds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.inference.formats.table import FormatError
from ovseg_jax.masks.rle import decode_rle_of
from ovseg_jax.vocabulary.palette import palette_color

PIXELS = "pixels "
"""How the source of an answer begins whose photo came as an array."""


@dataclasses.dataclass(frozen=True)
class Category:
    """One class of the vocabulary.

    Attributes:
        id: The publisher's number, or the position counted from 1.
        name: The name that is shown.
        is_thing: Whether it is countable.
        color: Display colour, RGB.
    """

    id: int
    name: str
    is_thing: bool
    color: tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Segment:
    """One segment of an answer.

    Attributes:
        number: From 1, as in the record.
        position: Of its class in the vocabulary.
        category: Its class.
        score: Probability of the class.
        area: Pixels.
        rle: COCO's packed run lengths.
        size: Height and width of the photo.
        where: Its place, for messages.
    """

    number: int
    position: int
    category: Category
    score: float
    area: int
    rle: Mapping[str, Any]
    size: tuple[int, int]
    where: str

    def mask(self) -> Bool[np.ndarray, "H W"]:
        """Draws it.

        Raises:
            FormatError: The run lengths are damaged, or cover another area than the record says.
        """
        try:
            mask = decode_rle_of(self.rle, self.size)
        except MasksError as error:
            raise FormatError(f"{self.where}: {error.args[0]}") from error
        if (found := int(mask.sum())) != self.area:
            raise FormatError(f"{self.where}: covers {found} pixels, and its area is {self.area}")
        return mask


@dataclasses.dataclass(frozen=True)
class AnsweredPhoto:
    """The answer for one photo.

    Attributes:
        stem: Start of the names of its results.
        file: Name of its file; the stem where it has none.
        source: What the journal says the results were made from.
        height: Height in pixels, as displayed.
        width: Width in pixels, as displayed.
        model: Name of the model.
        categories: The vocabulary.
        segments: What was found; none of them is empty.
    """

    stem: str
    file: str
    source: str
    height: int
    width: int
    model: str
    categories: tuple[Category, ...]
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, record: Mapping[str, Any], stem: str, source: str = "") -> AnsweredPhoto:
        """Takes a record of `ovseg_jax.inference.output.save.describe`.

        Args:
            record: As it is, or read back from its JSON.
            stem: Start of the names of the photo's results.
            source: What the journal says the results were made from.

        Raises:
            FormatError: It is no such record.
        """
        try:
            return cls._of(record, stem, source)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            if isinstance(error, FormatError):
                raise
            raise FormatError(
                f"{stem}.json: is not as ovseg wrote it ({type(error).__name__}: {error}); "
                "segment the photo again"
            ) from error

    @classmethod
    def _of(cls, record: Mapping[str, Any], stem: str, source: str) -> AnsweredPhoto:
        image, categories = record["image"], tuple(_categories(record))
        size = int(image["height"]), int(image["width"])
        segments = (
            Segment(
                number=int(entry["id"]),
                position=int(entry["class"]),
                category=categories[entry["class"]],
                score=float(entry["score"]),
                area=int(entry["area"]),
                rle=entry["segmentation"],
                size=size,
                where=f"{stem}.json segments[{place}]",
            )
            for place, entry in enumerate(record["segments"])
            if entry["area"]
        )
        return cls(
            stem=stem,
            file=str(image["file"]) or stem,
            source=source,
            height=size[0],
            width=size[1],
            model=str(record["model"]),
            categories=categories,
            segments=tuple(segments),
        )

    @property
    def path(self) -> str:
        """The photo's file as seen from the folder of the results; empty where it has none."""
        return "" if self.source.startswith(PIXELS) else self.source

    def paint(self) -> Int[np.ndarray, "H W"]:
        """Returns the number of the segment on top of each pixel, 0 for none.

        Where segments overlap, the most certain lies on top.
        """
        ids = np.zeros((self.height, self.width), np.int64)
        for segment in self.by_score():
            ids[segment.mask()] = segment.number
        return ids

    def by_score(self) -> list[Segment]:
        """Returns the segments from the least certain to the most certain."""
        return sorted(self.segments, key=lambda segment: (segment.score, -segment.number))


def _categories(record: Mapping[str, Any]) -> list[Category]:
    """The vocabulary; of records of older versions, which had no categories, by position."""
    if "categories" not in record:
        names = [synonyms[0] for synonyms in record["vocabulary"]]
        return [Category(i + 1, name, True, palette_color(i)) for i, name in enumerate(names)]
    return [
        Category(int(x["id"]), str(x["name"]), bool(x["isthing"]), _color(x["color"]))
        for x in record["categories"]
    ]


def _color(color: Any) -> tuple[int, int, int]:
    red, green, blue = map(int, color)
    return red, green, blue
