"""The photos that went worst, kept small while a pass runs."""

from __future__ import annotations

import dataclasses
import heapq
import math
import threading

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from ovseg_jax.evaluation.counted import PhotoPart
from ovseg_jax.foundation.typing import Batch

MOST = 10
"""Photos that are kept."""
SIDE = 640
"""Longest side of a kept photo, in pixels."""


@dataclasses.dataclass(frozen=True)
class WorstPhoto:
    """One photo with its truth and what was made of it, at most `SIDE` pixels wide and high.

    Attributes:
        name: Its file name.
        score: Of this photo alone, as a fraction.
        image: RGB.
        truth: Class of each pixel; -1 for void.
        predicted: Class of each pixel; -1 for none.
    """

    name: str
    score: float
    image: UInt8[np.ndarray, "h w 3"]
    truth: Int[np.ndarray, "h w"]
    predicted: Int[np.ndarray, "h w"]


class Worst:
    """Keeps the photos of the lowest scores; of equal ones those that come first in the split."""

    def __init__(self, most: int = MOST, side: int = SIDE):
        """Keeps nothing yet.

        Args:
            most: Photos that are kept.
            side: Longest side at which they are kept.
        """
        self._most, self._side = most, side
        self._kept: list[tuple[float, int, WorstPhoto]] = []  # the best of them first
        self._lock = threading.Lock()

    def see(self, place: int, name: str, batch: Batch, part: PhotoPart) -> WorstPhoto | None:
        """Keeps a photo of a batch if it is among the worst so far; only then it is drawn.

        Args:
            place: Of the photo in the split; no two are equal.
            name: Its file name.
            batch: With the photo and its truth, at the size of the score.
            part: What was counted in it.

        Returns:
            The photo if it was kept.
        """
        if math.isnan(part.score) or not self._wants(part.score, place):
            return None
        photo = self._small(name, batch, part)
        self.put(place, photo)
        return photo

    def put(self, place: int, photo: WorstPhoto) -> None:
        """Keeps a photo that is drawn already, if it is among the worst so far."""
        entry = (-photo.score, -place, photo)
        with self._lock:
            if len(self._kept) < self._most:
                heapq.heappush(self._kept, entry)
            else:
                heapq.heappushpop(self._kept, entry)

    def photos(self) -> tuple[WorstPhoto, ...]:
        """What was kept, the worst first."""
        return tuple(entry[2] for entry in sorted(self._kept, key=lambda entry: entry[:2])[::-1])

    def _wants(self, score: float, place: int) -> bool:
        with self._lock:
            return len(self._kept) < self._most or (-score, -place) > self._kept[0][:2]

    def _small(self, name: str, batch: Batch, part: PhotoPart) -> WorstPhoto:
        height, width = np.asarray(batch.sizes)[part.row].tolist()
        scale = min(1.0, self._side / max(height, width))
        size = (max(round(height * scale), 1), max(round(width * scale), 1))
        pixels = np.asarray(batch.images[part.row])[:height, :width]
        image = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BOX)
        truth = _true_classes(batch, part.row)[:height, :width]
        return WorstPhoto(
            name=name,
            score=part.score,
            image=np.asarray(image),
            truth=_shrunk(truth, size),
            predicted=_shrunk(part.labels(), size),
        )


class First(Worst):
    """Keeps the first photos of a split, however well they went: the same ones every time."""

    def see(self, place: int, name: str, batch: Batch, part: PhotoPart) -> WorstPhoto | None:
        """Keeps a photo if it is among the first; see `Worst.see`."""
        if place >= self._most:
            return None
        photo = self._small(name, batch, part)
        self.put(place, photo)
        return photo

    def put(self, place: int, photo: WorstPhoto) -> None:
        """Keeps a photo that is drawn already, if it is among the first."""
        with self._lock:
            if place < self._most:
                self._kept.append((0.0, -place, photo))

    def photos(self) -> tuple[WorstPhoto, ...]:
        """What was kept, in the order of the split."""
        return tuple(entry[2] for entry in sorted(self._kept, key=lambda entry: -entry[1]))


def _true_classes(batch: Batch, row: int) -> Int[np.ndarray, "H W"]:
    """Class of every pixel of one photo, as `evaluator.truth_map` has them."""
    labels = np.asarray(batch.labels)[row]
    ids = np.asarray(batch.segment_ids[row])  # type: ignore[reportOptionalSubscript]
    return np.concatenate([[-1], labels])[ids]


def _shrunk(labels: Int[np.ndarray, "H W"], size: tuple[int, int]) -> Int[np.ndarray, "h w"]:
    """Takes the pixel under each new centre."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(size, labels.shape, strict=True)
    )
    return labels[rows[:, None], columns[None]].astype(np.int16)
