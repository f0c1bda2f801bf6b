"""The friendly front: a model and words, applied to photos, with given masks or masks of its own.

Photos and masks are checked here, whatever form they come in; `ovseg_jax.api` adds masks in files
and several photos in one call. Each photo is encoded once; masks and words may
change afterwards, and other words for the same masks need no tower at all.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ovseg_jax.inference.encoded_image import EncodedImage
from ovseg_jax.inference.engine import ModelParts
from ovseg_jax.inference.mask_makers.mask_maker import HardMasks, MaskMaker, SoftMasks, slots_for
from ovseg_jax.inference.named import NamedModel
from ovseg_jax.inference.postprocess.from_hard_masks import predict, show_labels
from ovseg_jax.inference.postprocess.from_pixels import dense_labels
from ovseg_jax.inference.postprocess.from_soft_masks import list_masks, predict_soft
from ovseg_jax.inference.results import Classification, SegmenterError, Settings, Task
from ovseg_jax.inference.segmentation import Segmentation
from ovseg_jax.inference.words import Words
from ovseg_jax.inputs.photos import Photo, load_photo
from ovseg_jax.masks.arrays import MaskArrays, hard_masks
from ovseg_jax.methods.dense_pixels import DensePixels
from ovseg_jax.typing import Params, Prediction, Proposals
from ovseg_jax.vocabulary.classes import ClassList


class Segmenter(NamedModel):
    """Classifies masks of photos by words, and paints the answer.

    Attributes:
        parts: The model.
        words: The vocabulary in use; None before `set_vocabulary`.
        engine: The model's compiled computations.
        proposer: Who makes the masks that this model names: another model, or SAM; None for the
            model's own generator, if any.
    """

    def __init__(
        self,
        parts: ModelParts,
        cache_directory: Path | None = None,
        proposer: MaskMaker | None = None,
    ):
        """Compiles nothing yet.

        Args:
            parts: The model.
            cache_directory: Where embeddings of words are kept; None for the user's cache.
            proposer: Who makes the masks that this one names.
        """
        super().__init__(parts, cache_directory)
        self.proposer = proposer

    @property
    def has_generator(self) -> bool:
        """Whether masks need not be given."""
        return self.proposer is not None or self.parts.method.makes_masks

    @property
    def is_dense(self) -> bool:
        """Whether the model names pixels and needs no masks at all."""
        return isinstance(self.parts.method, DensePixels)

    def set_vocabulary(self, *arguments: Any, **options: Any) -> Words:
        """Chooses the words, of the proposer too; see `NamedModel.set_vocabulary`."""
        words = super().set_vocabulary(*arguments, **options)
        if self.proposer is not None:
            self.proposer.choose_words(words.all)
        return words

    # ---- images --------------------------------------------------------------------------

    def encode(self, image: Photo | EncodedImage) -> EncodedImage:
        """Runs the image tower; the result may stand for the image in every other call.

        Args:
            image: A file, a picture of Pillow or an array; see `ovseg_jax.inputs.photos`.

        Raises:
            ImageError: It cannot be used as a photo.
        """
        if isinstance(image, EncodedImage):
            return image
        photo = load_photo(image)
        return dataclasses.replace(
            self.engine.encode(photo.pixels), name=photo.name, path=photo.path
        )

    def classify(
        self,
        image: Photo | EncodedImage,
        masks: MaskArrays,
        *,
        with_maps: bool = False,
    ) -> Classification:
        """Names each mask.

        Args:
            image: A photo, or what `encode` returned.
            masks: Hard masks at the photo's size, [masks, H, W] or in another form of
                `ovseg_jax.masks.arrays`; none, empty and full ones are all right.
            with_maps: Also return the activation maps of methods that have them.

        Raises:
            ImageError: The photo cannot be used.
            MasksError: The masks cannot, or are of another size.
            SegmenterError: No vocabulary yet, or no maps to return.
        """
        words = self._checked_words()
        encoded = self.encode(image)
        masks = hard_masks(masks, encoded.size)
        probabilities, maps = self.engine.score(encoded, masks, self._text, with_maps)
        if with_maps and len(masks) and maps is None:
            raise _no_maps(self.parts)
        slots = len(words.all)
        return Classification(
            words=words,
            probabilities=np.concatenate(
                [probabilities[:, :slots], probabilities[:, -1:]], axis=-1
            ),
            areas=masks.sum((1, 2)),
            maps=maps,
            extent=encoded.extent,
        )

    def segment(
        self,
        image: Photo | EncodedImage,
        masks: MaskArrays | None = None,
        task: Task = "semantic",
        *,
        min_score: float | None = None,
        with_maps: bool = False,
    ) -> Segmentation:
        """Names each mask and paints the answer at the photo's size, exactly along given masks.

        Args:
            image: A photo, or what `encode` returned.
            masks: As for `classify`; they may overlap. None for masks of the model's own generator
                or of its proposer, or for none at all if the model names pixels.
            task: "semantic": each pixel takes the class with the largest sum of probability over
                its masks. "panoptic": the most certain mask owns the pixel. "instance": the best
                pairs of mask and class.
            min_score: Pixels and segments below it stay unlabelled; None for the model's own.
            with_maps: Also keep activation maps.

        Raises:
            ImageError, MasksError, SegmenterError: As for `classify`; the last also for no such
                task, instances of stuff only, or no masks and no generator.
        """
        settings = Settings.of(self.parts.inference, task, min_score)
        words = self._checked_words()
        things = words.things(self.parts.train_classes)
        if task == "instance" and not things[: len(words.classes)].any():
            raise SegmenterError(
                "task instance: all words of the vocabulary are stuff; use semantic or panoptic"
            )
        encoded = self.encode(image)
        if masks is None and self.proposer is None and self.is_dense:
            prediction, found, masks = self._segment_densely(encoded, settings)
        else:
            given = masks is not None
            made = HardMasks(hard_masks(masks, encoded.size)) if given else self._made(encoded)
            paint = self._paint_soft if made.is_soft else self._paint_hard
            prediction, found, masks = paint(encoded, made, things, settings, with_maps)
        return Segmentation(
            prediction=prediction,
            pixels=encoded.pixels,
            masks=masks,
            classification=found,
            is_thing=things,
            settings=settings,
            model=self.parts.name,
            photo=encoded.name,
            photo_file=encoded.path,
        )

    # ---- as a maker of masks (`mask_makers.MaskMaker`) -------------------------------------

    kind = "generator"

    @property
    def params(self) -> Params:
        """All parameters of the model."""
        return self.parts.params

    def choose_words(self, words: ClassList) -> None:
        """Chooses the words by which another model will name its masks, if it knows words."""
        self.set_vocabulary(None if self.is_closed else words, "none")

    def look(self, pixels: UInt8[np.ndarray, "H W 3"]) -> EncodedImage:
        """Encodes a photo at this model's own test size."""
        return self.encode(pixels)

    def make(self, looked: EncodedImage) -> SoftMasks:
        """Proposes masks by the model's own generator.

        Raises:
            SegmenterError: There is none.
        """
        if self.parts.method.generator is None:
            raise SegmenterError("this model has no mask generator of its own; give masks")
        own_list = self._checked_words().classes if self.is_closed else None
        return SoftMasks(self.engine.propose(looked, self._text), looked.frame, own_list)

    # ---- inner parts ---------------------------------------------------------------------

    def propose(self, encoded: EncodedImage) -> Proposals:
        """Proposes masks over the frame of an encoded photo.

        Raises:
            SegmenterError: There is no generator.
        """
        made = self._made(encoded)
        return made.over(encoded.frame, slots_for(len(made)))

    def _made(self, encoded: EncodedImage) -> SoftMasks | HardMasks:
        """The masks of the proposer or of the model's own generator, with the names that count."""
        if self.proposer is None:
            return self.make(encoded)
        looked = encoded.once(
            ("looked", id(self.proposer)), lambda: self.proposer.look(encoded.pixels)
        )
        made = self.proposer.make(looked)
        if not made.is_soft:
            return made
        names_count = self.parts.inference.ensemble.with_others
        words, slots = self._checked_words().all, len(self._text.valid)
        return made.adopted(words, slots, names_count=names_count)

    def _paint_hard(
        self,
        encoded: EncodedImage,
        made: HardMasks,
        things: np.ndarray,
        settings: Settings,
        with_maps: bool,
    ) -> tuple[Prediction, Classification, np.ndarray]:
        """The answer from masks at the photo's size, all of which are listed."""
        found = self.classify(encoded, made.masks, with_maps=with_maps)
        return predict(found, made.masks, things, settings), found, made.masks

    def _paint_soft(
        self,
        encoded: EncodedImage,
        made: SoftMasks,
        things: np.ndarray,
        settings: Settings,
        with_maps: bool,
    ) -> tuple[Prediction, Classification, np.ndarray]:
        """The answer from a generator's masks, and those worth listing with their names."""
        proposals = made.over(encoded.frame)
        log_probs, proposals, maps = self.engine.name(encoded, proposals, self._text, with_maps)
        if with_maps and maps is None:
            raise _no_maps(self.parts)
        masks, shown = proposals.masks[0], len(self._checked_words().classes)
        padded = np.pad(things, (0, log_probs.shape[1] - 1 - len(things)))
        prediction = predict_soft(log_probs, masks, encoded.frame, shown, padded, settings)
        kept = np.concatenate([log_probs[:, : len(things)], log_probs[:, -1:]], axis=-1)
        return prediction, *list_masks(kept, masks, maps, encoded.frame, self.words, encoded.extent)

    def _segment_densely(
        self, encoded: EncodedImage, settings: Settings
    ) -> tuple[Prediction, Classification, np.ndarray]:
        """The answer of a model that names pixels; it lists no masks."""
        if settings.task != "semantic":
            raise SegmenterError(
                f"task {settings.task}: a model that names pixels has no segments to tell apart; "
                "use semantic, or give masks"
            )
        words, masks = self._checked_words(), np.zeros((0, *encoded.size), bool)
        maps = self.engine.class_maps(encoded, self._text)
        labels, scores = map(np.asarray, dense_labels(maps, encoded.frame))
        prediction = show_labels(labels, scores, len(words.classes), settings)
        return prediction, self.classify(encoded, masks), masks

    def _checked_words(self) -> Words:
        if self.words is None:
            raise SegmenterError("no vocabulary yet; call set_vocabulary('cat, kitten; sofa')")
        return self.words


def _no_maps(parts: ModelParts) -> SegmenterError:
    kind = type(parts.method).__name__
    return SegmenterError(f"{kind} has no activation maps; --save-maps needs Mask-Adapter")
