"""What users import: a photo and any words in, named masks out.

from ovseg_jax.api import load_segmenter

segmenter = load_segmenter("weights/mask_adapter_large")
segmenter.set_vocabulary("cat, kitten; sofa, couch; remote control")
result = segmenter.segment("photo.jpg", masks="masks.json")
result.save("out/")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.errors import MasksError
from ovseg_jax.inference.encoded_image import EncodedImage
from ovseg_jax.inference.image_classifier import ImageClassifier
from ovseg_jax.inference.results import Classification, Task
from ovseg_jax.inference.segmentation import Segmentation
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.inputs.images import LoadedImage
from ovseg_jax.inputs.photos import Photo, is_several, load_photo
from ovseg_jax.loading import TOY, load_dense_parts, load_mask_maker, load_parts
from ovseg_jax.masks.arrays import MaskArrays, hard_masks
from ovseg_jax.masks.found import FileMasks
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.models.clip.readout import Readout
from ovseg_jax.models.clip.variants import variant

Image = Photo | EncodedImage
Masks = str | Path | MaskFiles | MaskArrays


class PhotoSegmenter(Segmenter):
    """A `Segmenter` that also takes masks by the names of their files, and several photos.

    Of a list of photos the answer is a list. Their masks are then one file or folder with those of
    all, or a list with an entry per photo.
    """

    def encode(self, image: Image | Sequence[Image]) -> EncodedImage | list[EncodedImage]:
        """Runs the image tower on a photo. See `Segmenter.encode`."""
        if is_several(image):
            return [self.encode(each) for each in image]
        return super().encode(image)

    def classify(
        self, image: Image | Sequence[Image], masks: Masks | None, *, with_maps: bool = False
    ) -> Classification | list[Classification]:
        """Names each mask; photo and masks may be files. See `Segmenter.classify`."""
        if is_several(image):
            pairs = _with_masks(image, masks)
            return [self.classify(*pair, with_maps=with_maps) for pair in pairs]
        photo = _load(image)
        given = load_masks(masks, photo)
        found = super().classify(self.encode(photo), given.masks, with_maps=with_maps)
        return dataclasses.replace(found, sources=given.sources)

    def segment(
        self,
        image: Image | Sequence[Image],
        masks: Masks | None = None,
        task: Task = "semantic",
        *,
        min_score: float | None = None,
        with_maps: bool = False,
    ) -> Segmentation | list[Segmentation]:
        """Names each mask and paints the answer; photo and masks may be files.

        Without masks, the model's own generator makes them. Masks in a file are those of the photo
        as displayed, after any EXIF rotation. See `Segmenter.segment`.
        """
        options = {"min_score": min_score, "with_maps": with_maps}
        if is_several(image):
            pairs = _with_masks(image, masks)
            return [self.segment(*pair, task, **options) for pair in pairs]
        photo = _load(image)
        if masks is None and self.has_generator:
            return super().segment(self.encode(photo), None, task, **options)
        given = load_masks(masks, photo)
        result = super().segment(self.encode(photo), given.masks, task, **options)
        found = dataclasses.replace(result.classification, sources=given.sources)
        return dataclasses.replace(result, classification=found, masks_file=_file_of(masks))


def load_segmenter(
    model: str | Path = TOY,
    *,
    generator: str | Path | None = None,
    dense: Readout | None = None,
    cache_directory: Path | None = None,
) -> PhotoSegmenter:
    """Loads a model with all that is needed to use it.

    Args:
        model: A weights directory, a run, or "toy" for the tiny model inside the package (which
            knows the 48 things of its own drawn world, not photos).
        generator: Another model whose masks this one names; None for its own generator, if any.
        dense: Use the model's towers alone and name pixels without masks, with the last block
            read in this way; None for the model as it is.
        cache_directory: Where embeddings of words are kept; None for the user's cache.

    Raises:
        ovseg_jax.weights.WeightsError: There is no usable model at that place.
        ovseg_jax.trees.TreeError: The parameters do not fit the model that is described there.
        SegmenterError: `dense` is wanted of towers that cannot be read so.
    """
    proposer = None if generator is None else load_mask_maker(generator, cache_directory)
    parts = load_parts(model)[1] if dense is None else load_dense_parts(model, dense)
    return PhotoSegmenter(parts, cache_directory, proposer)


def load_image_classifier(
    model: str | Path = TOY, *, cache_directory: Path | None = None
) -> ImageClassifier:
    """Loads the towers of a model for zero-shot classification; see `load_segmenter`."""
    config, parts = load_parts(model)
    return ImageClassifier(Segmenter(parts, cache_directory), variant(config.clip.variant))


def load_masks(masks: Masks | None, image: LoadedImage | EncodedImage) -> FileMasks:
    """Reads the masks of a photo from files, or takes them as arrays.

    Raises:
        MasksError: There are none, or they cannot be used with this photo.
    """
    if masks is None:
        raise MasksError(
            "no masks, and this model has no mask generator of its own: give masks (--masks), "
            "in a format of docs/inputs.md, or a model that makes them (--generator)"
        )
    height, width = image.pixels.shape[:2]
    try:
        if isinstance(masks, str | Path):
            masks = MaskFiles(Path(masks))
        if isinstance(masks, MaskFiles):
            return masks.read(_path_of(image) or image.name, height, width)
        return FileMasks(hard_masks(masks, (height, width)))
    except ValueError as error:
        turned = isinstance(image, LoadedImage) and image.turned
        hint = " (after its EXIF rotation, which masks must follow)" if turned else ""
        raise MasksError(f"{error}{hint}") from error


def _path_of(image: Any) -> Path | None:
    """The whole path of a photo in a file: its folders tell photos of one name apart."""
    path = getattr(image, "path", image)
    return Path(path).absolute() if isinstance(path, str | Path) and str(path) else None


def _file_of(masks: Masks) -> Path | None:
    """Where masks come from, so that saving an answer replaces nothing there."""
    masks = masks.path if isinstance(masks, MaskFiles) else masks
    return Path(masks) if isinstance(masks, str | Path) else None


def _load(image: Image) -> LoadedImage | EncodedImage:
    return image if isinstance(image, EncodedImage) else load_photo(image)


def _with_masks(images: Sequence[Image], masks: Any) -> list[tuple[Image, Any]]:
    """Pairs several photos with their masks.

    Raises:
        MasksError: There is no telling which masks belong to which photo.
    """
    if isinstance(masks, str | Path):
        masks = MaskFiles(Path(masks), tuple(filter(None, map(_path_of, images))))
    if masks is None or isinstance(masks, MaskFiles):
        return [(image, masks) for image in images]
    if is_several(masks) and len(masks) == len(images):
        return list(zip(images, masks, strict=True))
    count = len(masks) if is_several(masks) else f"a {type(masks).__name__}"
    raise MasksError(
        f"masks: {count} for {len(images)} photos; pass a list with an entry per photo, or a file "
        "or folder with the masks of all"
    )
