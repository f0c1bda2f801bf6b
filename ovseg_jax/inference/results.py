"""What comes out of a segmenter: named masks, and the painted answer with all its settings."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from ovseg_jax.config import InferenceConfig
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.foundation.typing import Prediction
from ovseg_jax.inference.words import Words

Task = Literal["semantic", "panoptic", "instance"]
TASKS: tuple[Task, ...] = ("semantic", "panoptic", "instance")


class SegmenterError(OvsegError, ValueError):
    """A request that cannot be answered; the message says what to change."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides between scores and answer.

    Attributes:
        task: Kind of answer.
        min_score: Pixels and segments below this stay unlabelled.
        object_threshold: Panoptic: masks at or below this do not compete.
        overlap_threshold: Panoptic: masks that keep less than this fraction are dropped.
        top_instances: Instance: pairs of mask and class that are considered.
    """

    task: Task
    min_score: float
    object_threshold: float
    overlap_threshold: float
    top_instances: int

    @classmethod
    def of(cls, config: InferenceConfig, task: str, min_score: float | None) -> Settings:
        """Takes the model's settings, and a lowest score that overrides its own.

        Raises:
            SegmenterError: There is no such task, or the score is no probability.
        """
        if task not in TASKS:
            raise SegmenterError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}")
        if min_score is not None and not 0 <= min_score <= 1:
            raise SegmenterError(f"min_score is {min_score}; give a probability from 0 to 1")
        return cls(
            task=task,
            min_score=config.min_score if min_score is None else min_score,
            object_threshold=config.object_threshold,
            overlap_threshold=config.overlap_threshold,
            top_instances=config.top_instances,
        )


@dataclasses.dataclass(frozen=True)
class Classification:
    """Names of given masks.

    Attributes:
        words: The vocabulary; its classes, then its background, are the columns.
        probabilities: Per mask: each class, each background class, and "none of these" last.
        areas: Pixels of each mask.
        maps: Activation map logits of each mask, if they were asked for.
        extent: Share of the maps' height and width that is photo; the rest is padding.
        sources: File and place of each mask; empty where masks came from no file.
    """

    words: Words
    probabilities: Float[np.ndarray, "q k1"]
    areas: Int[np.ndarray, " q"]
    maps: Float[np.ndarray, "q m h w"] | None = None
    extent: tuple[float, float] = (1.0, 1.0)
    sources: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def classes(self) -> Int[np.ndarray, " q"]:
        """Best class of each mask; -1 where a background word is better than all."""
        best = self.probabilities[:, :-1].argmax(1) if len(self) else np.zeros(0, np.int64)
        return np.where(best < len(self.words.classes), best, -1)

    def top(self, mask: int, count: int = 5) -> list[tuple[str, float]]:
        """Returns the most probable (name, probability) of one mask, background included."""
        names = self.words.all.names
        order = np.argsort(-self.probabilities[mask, :-1], kind="stable")[:count]
        return [(names[slot], float(self.probabilities[mask, slot])) for slot in order]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is said about one photo.

    Attributes:
        prediction: Labels, segments and their masks at the photo's size.
        pixels: The photo.
        masks: The masks that were given.
        classification: What each of them was found to be.
        is_thing: Class slots that are things.
        settings: How scores became the answer.
        model: Name of the model.
        photo: Name of the photo's file, where it has one.
        photo_file: The photo's file, where it has one.
        masks_file: File or folder of the given masks, where they come from one.
    """

    prediction: Prediction
    pixels: UInt8[np.ndarray, "H W 3"]
    masks: Bool[np.ndarray, "q H W"]
    classification: Classification
    is_thing: Bool[np.ndarray, " k"]
    settings: Settings
    model: str
    photo: str = ""
    photo_file: Path | None = None
    masks_file: Path | None = None

    @property
    def source(self) -> Path | str:
        """The photo's file, or a hash of its pixels: what tells its results from others'."""
        if self.photo_file is not None:
            return self.photo_file
        digest = hashlib.sha256(f"{self.pixels.shape}".encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return f"pixels {digest.hexdigest()[:16]}"

    @property
    def words(self) -> Words:
        """The vocabulary."""
        return self.classification.words

    @property
    def names(self) -> list[str]:
        """Name of each segment."""
        shown = self.words.classes.names
        return [shown[label] for label in self.prediction.classes]
