"""What users import: a photo and any words in, named masks out.

import ovseg_jax

segmenter = ovseg_jax.load("weights/mask_adapter_large")
segmenter.set_vocabulary("cat, kitten; sofa, couch; remote control")
result = segmenter.segment("photo.jpg", masks="masks.json")
result.mask_of("cat"), result.plot(), result.to_coco()
result.save("out/")
"""

from __future__ import annotations

from pathlib import Path

from ovseg_jax.disk.programs import keep_programs
from ovseg_jax.inference.formats.folder import reformat
from ovseg_jax.inference.image_classifier import ImageClassifier
from ovseg_jax.inference.segmentation import Segmentation
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.loading.opening import TOY, open_mask_maker, open_model, open_towers
from ovseg_jax.models.clip.readout import Readout

__all__ = [
    "ImageClassifier",
    "Segmentation",
    "Segmenter",
    "keep_programs",
    "load_image_classifier",
    "load_segmenter",
    "reformat",
]


def load_segmenter(
    model: str | Path = TOY,
    *,
    generator: str | Path | None = None,
    dense: Readout | None = None,
    cache_directory: Path | None = None,
) -> Segmenter:
    """Loads a model with all that is needed to use it.

    Args:
        model: A weights directory, a run, the name of a published file that `ovseg get` has
            fetched, "hf:OWNER/REPO@REVISION" for weights on Hugging Face's hub, or "toy" for the
            tiny model inside the package (which knows the 48 things of its own drawn world, not
            photos).
        generator: Another model whose masks this one names; None for its own generator, if any.
        dense: Use the model's towers alone and name pixels without masks, with the last block
            read in this way; None for the model as it is.
        cache_directory: Where embeddings of words are kept; None for the user's cache.

    Raises:
        ovseg_jax.loading.weights.WeightsError: There is no usable model at that place.
        ovseg_jax.foundation.trees.TreeError: The parameters do not fit the model described there.
        SegmenterError: `dense` is wanted of towers that cannot be read so.
    """
    maker = None if generator is None else open_mask_maker(generator, cache_directory)
    opened = open_model(model) if dense is None else open_towers(model, dense)
    return Segmenter(opened, cache_directory, maker)


def load_image_classifier(
    model: str | Path = TOY, *, cache_directory: Path | None = None
) -> ImageClassifier:
    """Loads the towers of a model for zero-shot classification; see `load_segmenter`."""
    return ImageClassifier(open_model(model), cache_directory)
