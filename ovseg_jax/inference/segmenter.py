"""The friendly front: a model and words, applied to photos, with given masks or masks of its own.

Photos and masks are checked on their way in, whatever form they come in. Each photo is encoded
once; masks and words may change afterwards, and other words for the same masks need no tower at
all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from jaxtyping import Float

from ovseg_jax.foundation.typing import Proposals, Text
from ovseg_jax.inference.encoded_image import EncodedImage
from ovseg_jax.inference.engine import Engine
from ovseg_jax.inference.given_masks import Image, Masks, file_of, load_masks, pair_with_masks
from ovseg_jax.inference.mask_makers.generator import GeneratorMaskMaker
from ovseg_jax.inference.mask_makers.mask_maker import HardMasks, MaskMaker, SoftMasks, slots_for
from ovseg_jax.inference.model import Model
from ovseg_jax.inference.painting import Painter
from ovseg_jax.inference.results import Classification, SegmenterError, Settings, Task
from ovseg_jax.inference.segmentation import Segmentation
from ovseg_jax.inference.text_encoder import Progress, TextEncoder
from ovseg_jax.inference.words import Words
from ovseg_jax.inputs.images import LoadedImage
from ovseg_jax.inputs.photos import is_several, load_photo
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.given_words import AnyWords


class Segmenter:
    """Classifies masks of photos by words, and paints the answer.

    Of a list of photos the answer is a list. Their masks are then one file or folder with those of
    all, or a list with an entry per photo.

    Attributes:
        model: The model.
        engine: Its compiled computations.
        encoder: Its text encoder.
        mask_maker: Who makes the masks that this model names: another model, or SAM; None for the
            model's own generator, if any.
    """

    def __init__(
        self,
        model: Model,
        cache_directory: Path | None = None,
        mask_maker: MaskMaker | None = None,
    ):
        """Compiles nothing yet.

        Args:
            model: The model.
            cache_directory: Where embeddings of words are kept; None for the user's cache.
            mask_maker: Who makes the masks that this one names.
        """
        self.model, self.mask_maker = model, mask_maker
        self.engine = Engine(model)
        self.encoder = TextEncoder(model, self.engine.embed, cache_directory)
        self._painter: Painter | None = None

    @property
    def makes_masks(self) -> bool:
        """Whether masks need not be given."""
        return self.mask_maker is not None or self.model.method.makes_masks

    @property
    def words(self) -> Words | None:
        """The vocabulary in use; None before `set_vocabulary`."""
        return None if self._painter is None else self._painter.words

    def set_vocabulary(
        self,
        classes: AnyWords | None = None,
        background: AnyWords | None = None,
        *,
        templates: str = "",
        progress: Progress | None = None,
    ) -> Words:
        """Chooses the words; embeddings come from the cache where they can.

        Args:
            classes: Words in any form of `ovseg_jax.vocabulary.classes.read_words`: text, in which
                `;` parts classes and `,` parts synonyms, a list, a dict, a `ClassList`; None for
                the list that the model was trained on, which is the only one that a model without
                words knows.
            background: Words that compete but leave pixels unlabelled, in the same forms; "none"
                for no such words; None for the default of `ovseg_jax.inference.words`.
            templates: Name of a prompt set; empty for the model's own.
            progress: Called with (texts embedded, texts in all).

        Raises:
            ovseg_jax.vocabulary.classes.VocabularyError: The words cannot be read, or two classes
                are the same to the model's tokenizer.
            SegmenterError: The model names no list of its own, or knows no other.
        """
        words = self.encoder.choose(classes, background, templates)
        text = self.encoder.embed(words.all, words.templates, progress=progress)
        if self.mask_maker is not None:
            self.mask_maker.choose_words(words.all)
        things = words.things(self.model.train_classes)
        self._painter = Painter(self.engine, words, text, things)
        return words

    def embed(
        self, classes: ClassList, templates: str = "", progress: Progress | None = None
    ) -> Text:
        """Embeds a vocabulary, through the cache, without making it the one in use.

        Raises:
            ovseg_jax.vocabulary.classes.VocabularyError: Two classes are the same to the tokenizer.
        """
        self.encoder.check(classes, templates)
        return self.encoder.embed(classes, templates, progress=progress)

    @overload
    def encode(self, image: Image) -> EncodedImage: ...
    @overload
    def encode(self, image: Sequence[Image]) -> list[EncodedImage]: ...
    def encode(self, image: Any) -> EncodedImage | list[EncodedImage]:
        """Runs the image tower; the result may stand for the image in every other call.

        Args:
            image: A file, its bytes, a picture of Pillow or an array (`ovseg_jax.inputs.photos`).

        Raises:
            ImageError: It cannot be used as a photo.
        """
        if is_several(image):
            return [self.encode(each) for each in image]
        return self._encode(_load(image))

    @overload
    def classify(self, image: Image, masks: Masks, *, with_maps: bool = ...) -> Classification: ...
    @overload
    def classify(
        self, image: Sequence[Image], masks: Any, *, with_maps: bool = ...
    ) -> list[Classification]: ...
    def classify(
        self, image: Any, masks: Any, *, with_maps: bool = False
    ) -> Classification | list[Classification]:
        """Names each mask.

        Args:
            image: A photo, or what `encode` returned.
            masks: Hard masks at the photo's size, [masks, H, W] or in another form of
                `ovseg_jax.masks.arrays`, or a file with them (of the photo as displayed, after any
                EXIF rotation); none, empty and full ones are all right.
            with_maps: Also return the activation maps of methods that have them.

        Raises:
            ImageError: The photo cannot be used.
            MasksError: The masks cannot, or are of another size.
            SegmenterError: No vocabulary yet, or no maps to return.
        """
        if is_several(image):
            pairs = pair_with_masks(image, masks)
            return [self.classify(*pair, with_maps=with_maps) for pair in pairs]
        painter, photo = self._checked_painter(), _load(image)
        given = load_masks(masks, photo)
        found = painter.classify(self._encode(photo), given.masks, with_maps)
        return dataclasses.replace(found, sources=given.sources)

    @overload
    def segment(
        self,
        image: Image,
        masks: Masks | None = ...,
        task: Task = ...,
        *,
        min_score: float | None = ...,
        with_maps: bool = ...,
    ) -> Segmentation: ...
    @overload
    def segment(
        self,
        image: Sequence[Image],
        masks: Any = ...,
        task: Task = ...,
        *,
        min_score: float | None = ...,
        with_maps: bool = ...,
    ) -> list[Segmentation]: ...
    def segment(
        self,
        image: Any,
        masks: Any = None,
        task: Task = "semantic",
        *,
        min_score: float | None = None,
        with_maps: bool = False,
    ) -> Segmentation | list[Segmentation]:
        """Names each mask and paints the answer at the photo's size, exactly along given masks.

        Args:
            image: A photo, or what `encode` returned.
            masks: As for `classify`; they may overlap. None for masks of the model's own generator
                or of its mask maker, or for none at all if the model names pixels.
            task: "semantic": each pixel takes the class with the largest sum of probability over
                its masks. "panoptic": the most certain mask owns the pixel. "instance": the best
                pairs of mask and class.
            min_score: Pixels and segments below it stay unlabelled; None for the model's own.
            with_maps: Also keep activation maps.

        Raises:
            ImageError, MasksError, SegmenterError: As for `classify`; the last also for no such
                task, instances of stuff only, or no masks and no generator.
        """
        if is_several(image):
            options = {"min_score": min_score, "with_maps": with_maps}
            pairs = pair_with_masks(image, masks)
            return [self.segment(*pair, task, **options) for pair in pairs]
        settings = Settings.of(self.model.inference, task, min_score)
        painter = self._checked_painter()
        _check_task(settings, painter)
        photo = _load(image)
        given = None if masks is None and self.makes_masks else load_masks(masks, photo)
        encoded, sources = self._encode(photo), () if given is None else given.sources
        if given is None and self.mask_maker is None and self.model.is_dense:
            painted = painter.paint_pixels(encoded, settings)
        else:
            made = self._made(encoded) if given is None else HardMasks(given.masks)
            painted = painter.paint(encoded, made, settings, with_maps)
        return Segmentation(
            prediction=painted.prediction,
            pixels=encoded.pixels,
            masks=painted.masks,
            classification=dataclasses.replace(painted.classification, sources=sources),
            is_thing=painter.things,
            settings=settings,
            model=self.model.name,
            photo=encoded.name,
            photo_file=encoded.path,
            masks_file=file_of(masks),
        )

    def embed_masks(self, image: Image, masks: Masks) -> Float[np.ndarray, "q d"]:
        """Embeds masks as the model compares them with words; needs no vocabulary.

        Args:
            image: A photo, or what `encode` returned.
            masks: As for `classify`.

        Returns:
            A unit vector per mask, in the space of the text embeddings, float32.

        Raises:
            ImageError, MasksError: As for `classify`.
            SegmenterError: The model has no embeddings of masks that words have no part in.
        """
        photo = _load(image)
        given = load_masks(masks, photo)
        found = self.engine.embed_masks(self._encode(photo), given.masks)
        if found is None:
            kind = type(self.model.method).__name__
            raise SegmenterError(
                f"{kind} compares masks with words inside of its blocks and has no embeddings of "
                "masks alone; take a model of another method, such as mask_pooling or mask_adapter"
            )
        lengths = np.linalg.norm(found, axis=-1, keepdims=True)
        return (found / np.maximum(lengths, 1e-12)).astype(np.float32)

    def propose(self, encoded: EncodedImage) -> Proposals:
        """Proposes masks over the frame of an encoded photo.

        Raises:
            SegmenterError: There is no generator.
        """
        made = self._made(encoded)
        return made.over(encoded.frame, slots_for(len(made)))

    def as_mask_maker(self) -> MaskMaker:
        """Who makes the masks of this model's photos, on its own.

        Raises:
            SegmenterError: There is no generator.
        """
        return self.mask_maker or GeneratorMaskMaker(self.engine, self.encoder)

    def _made(self, encoded: EncodedImage) -> SoftMasks | HardMasks:
        """The masks of the maker or of the model's own generator, with the names that count."""
        painter, maker = self._checked_painter(), self.mask_maker
        if maker is None:
            if self.model.method.generator is None:
                raise SegmenterError("this model has no mask generator of its own; give masks")
            return SoftMasks(self.engine.propose(encoded, painter.text), encoded.frame)
        looked = encoded.once(("looked", id(maker)), lambda: maker.look(encoded.pixels))
        names_count = self.model.inference.ensemble.with_others
        slots = len(painter.text.valid)
        return maker.make(looked).adopted(painter.words.all, slots, names_count=names_count)

    def _encode(self, photo: LoadedImage | EncodedImage) -> EncodedImage:
        if isinstance(photo, EncodedImage):
            return photo
        encoded = self.engine.encode(photo.pixels)
        return dataclasses.replace(encoded, name=photo.name, path=photo.path)

    def _checked_painter(self) -> Painter:
        if self._painter is None:
            raise SegmenterError("no vocabulary yet; call set_vocabulary('cat, kitten; sofa')")
        return self._painter


def _load(image: Any) -> LoadedImage | EncodedImage:
    return image if isinstance(image, EncodedImage) else load_photo(image)


def _check_task(settings: Settings, painter: Painter) -> None:
    shown = len(painter.words.classes)
    if settings.task == "instance" and not painter.things[:shown].any():
        raise SegmenterError(
            "task instance: all words of the vocabulary are stuff; use semantic or panoptic"
        )
