"""What users import: a photo and any words in, named masks out.

from ovseg_jax.api import load_segmenter

segmenter = load_segmenter("weights/mask_adapter_large")
segmenter.set_vocabulary("cat, kitten; sofa, couch; remote control")
result = segmenter.segment("photo.jpg", masks="masks.json")
result.save("out/")
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from ovseg_jax.errors import MasksError
from ovseg_jax.inference.encoded import EncodedImage
from ovseg_jax.inference.image_classifier import ImageClassifier
from ovseg_jax.inference.results import Classification, Task
from ovseg_jax.inference.segmentation import Segmentation
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.inputs.images import LoadedImage, read_image
from ovseg_jax.loading import TOY, load_dense_parts, load_parts, load_proposer
from ovseg_jax.models.clip.readout import Readout
from ovseg_jax.models.clip.variants import variant
from ovseg_jax.models.generators.files import read_masks

Photo = str | Path | LoadedImage | UInt8[np.ndarray, "H W 3"] | EncodedImage
Masks = str | Path | Bool[np.ndarray, "q H W"]


class PhotoSegmenter(Segmenter):
    """A `Segmenter` that also takes photos and masks by the names of their files."""

    def encode(self, image: Photo) -> EncodedImage:
        """Runs the image tower on a photo, given as file or pixels.

        Raises:
            ovseg_jax.inputs.images.ImageError: The file cannot be used.
        """
        loaded = _load(image)
        return super().encode(loaded if isinstance(loaded, EncodedImage) else _pixels(loaded))

    def classify(
        self, image: Photo, masks: Masks | None, *, with_maps: bool = False
    ) -> Classification:
        """Names each mask; photo and masks may be files. See `Segmenter.classify`."""
        photo = _load(image)
        masks = load_masks(masks, photo)
        return super().classify(self.encode(photo), masks, with_maps=with_maps)

    def segment(
        self,
        image: Photo,
        masks: Masks | None = None,
        task: Task = "semantic",
        *,
        min_score: float | None = None,
        with_maps: bool = False,
    ) -> Segmentation:
        """Names each mask and paints the answer; photo and masks may be files.

        Without masks, the model's own generator makes them. Masks in a file are those of the photo
        as displayed, after any EXIF rotation. See `Segmenter.segment`.
        """
        photo, given = _load(image), masks
        if masks is not None or not self.has_generator:
            masks = load_masks(masks, photo)
        options = {"min_score": min_score, "with_maps": with_maps}
        result = super().segment(self.encode(photo), masks, task, **options)
        return dataclasses.replace(result, **_origin(photo, given))


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
    proposer = None if generator is None else load_proposer(generator, cache_directory)
    parts = load_parts(model)[1] if dense is None else load_dense_parts(model, dense)
    return PhotoSegmenter(parts, cache_directory, proposer)


def load_image_classifier(
    model: str | Path = TOY, *, cache_directory: Path | None = None
) -> ImageClassifier:
    """Loads the towers of a model for zero-shot classification; see `load_segmenter`."""
    config, parts = load_parts(model)
    return ImageClassifier(Segmenter(parts, cache_directory), variant(config.clip.variant))


def load_masks(masks: Masks | None, image: Any) -> Bool[np.ndarray, "q H W"]:
    """Reads the masks of a photo, unless they are arrays already.

    Raises:
        MasksError: There are none, or they cannot be used with this photo.
    """
    if masks is None:
        raise MasksError(
            "no masks, and this model has no mask generator of its own: give masks (--masks), as "
            "COCO JSON, panoptic PNG, .npz or a folder of PNGs, or a model that makes them "
            "(--generator)"
        )
    if isinstance(masks, np.ndarray):
        return masks
    height, width = _pixels(image).shape[:2]
    name = image.path.name if isinstance(image, LoadedImage) else ""
    try:
        return read_masks(masks, name, height, width).masks
    except ValueError as error:
        turned = isinstance(image, LoadedImage) and image.turned
        hint = " (after its EXIF rotation, which masks must follow)" if turned else ""
        raise MasksError(f"{error}{hint}") from error


def _origin(photo: Any, masks: Masks | None) -> dict[str, Any]:
    """Says which files an answer comes from, so that saving it replaces none of them."""
    file = photo.path if isinstance(photo, LoadedImage) else None
    return {
        "photo": file.name if file else "",
        "photo_file": file,
        "masks_file": Path(masks) if isinstance(masks, str | Path) else None,
    }


def _load(image: Photo) -> LoadedImage | EncodedImage | np.ndarray:
    return read_image(image) if isinstance(image, str | Path) else image


def _pixels(image: LoadedImage | EncodedImage | np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
    return image if isinstance(image, np.ndarray) else image.pixels
