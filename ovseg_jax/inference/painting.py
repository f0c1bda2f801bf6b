"""From encoded photo, masks and words to one answer: hard masks, soft masks, or pixels alone.

Hard masks are painted exactly as they are, and all of them are listed. Soft masks of a generator
compete pixel by pixel, and those worth listing are listed. A model that names pixels lists none.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.typing import Prediction, Text
from ovseg_jax.inference.encoded_image import EncodedImage
from ovseg_jax.inference.engine import Engine
from ovseg_jax.inference.mask_makers.mask_maker import HardMasks, SoftMasks
from ovseg_jax.inference.postprocess.from_hard_masks import predict, show_labels
from ovseg_jax.inference.postprocess.from_pixels import dense_labels
from ovseg_jax.inference.postprocess.from_soft_masks import list_masks, predict_soft
from ovseg_jax.inference.results import Classification, SegmenterError, Settings
from ovseg_jax.inference.words import Words


class Painted(NamedTuple):
    """An answer, the names of the masks that it lists, and these masks at the photo's size."""

    prediction: Prediction
    classification: Classification
    masks: Bool[np.ndarray, "q H W"]


@dataclasses.dataclass(frozen=True)
class Painter:
    """A model with one vocabulary.

    Attributes:
        engine: The model's compiled computations.
        words: The vocabulary.
        text: Its embeddings.
        things: Class slots that are things.
    """

    engine: Engine
    words: Words
    text: Text
    things: Bool[np.ndarray, " k"]

    def classify(
        self, image: EncodedImage, masks: Bool[np.ndarray, "q H W"], with_maps: bool = False
    ) -> Classification:
        """Names hard masks at the photo's size.

        Raises:
            SegmenterError: Maps are wanted of a method that has none.
        """
        probabilities, maps = self.engine.score(image, masks, self.text, with_maps)
        self._check_maps(maps, wanted=with_maps and len(masks) > 0)
        slots = len(self.words.all)
        return Classification(
            words=self.words,
            probabilities=np.concatenate(
                [probabilities[:, :slots], probabilities[:, -1:]], axis=-1
            ),
            areas=masks.sum((1, 2)),
            maps=maps,
            extent=image.extent,
        )

    def paint(
        self,
        image: EncodedImage,
        made: HardMasks | SoftMasks,
        settings: Settings,
        with_maps: bool = False,
    ) -> Painted:
        """Names masks and paints the answer.

        Raises:
            SegmenterError: Maps are wanted of a method that has none.
        """
        if isinstance(made, HardMasks):
            found = self.classify(image, made.masks, with_maps)
            prediction = predict(found, made.masks, self.things, settings)
            return Painted(prediction, found, made.masks)
        return self._paint_soft(image, made, settings, with_maps)

    def _paint_soft(
        self, image: EncodedImage, made: SoftMasks, settings: Settings, with_maps: bool
    ) -> Painted:
        proposals = made.over(image.frame)
        log_probs, proposals, maps = self.engine.name(image, proposals, self.text, with_maps)
        self._check_maps(maps, wanted=with_maps)
        masks, things, shown = proposals.masks[0], self.things, len(self.words.classes)
        padded = np.pad(things, (0, log_probs.shape[1] - 1 - len(things)))
        prediction = predict_soft(log_probs, masks, image.frame, shown, padded, settings)
        kept = np.concatenate([log_probs[:, : len(things)], log_probs[:, -1:]], axis=-1)
        listed = list_masks(kept, masks, maps, image.frame, self.words, image.extent)
        return Painted(prediction, *listed)

    def paint_pixels(self, image: EncodedImage, settings: Settings) -> Painted:
        """Names pixels without masks, by a model that does so.

        Raises:
            SegmenterError: Another task than "semantic" is wanted.
        """
        if settings.task != "semantic":
            raise SegmenterError(
                f"task {settings.task}: a model that names pixels has no segments to tell apart; "
                "use semantic, or give masks"
            )
        maps = self.engine.class_maps(image, self.text)
        labels, scores = map(np.asarray, dense_labels(maps, image.frame))
        prediction = show_labels(labels, scores, len(self.words.classes), settings)
        masks = np.zeros((0, *image.size), bool)
        return Painted(prediction, self.classify(image, masks), masks)

    def _check_maps(self, maps: np.ndarray | None, *, wanted: bool) -> None:
        if wanted and maps is None:
            kind = type(self.engine.model.method).__name__
            raise SegmenterError(f"{kind} has no activation maps; --save-maps needs Mask-Adapter")
