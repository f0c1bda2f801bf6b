"""The one example format that every segmentation builder of this folder writes.

An example carries an id map instead of one mask per segment: masks are expanded where they are
used, so a record stays as small as its picture. What the map cannot show, a segment that others
hide in part, travels as run lengths; training reads the map, scores read the truth.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from data.manual_files import ManualFileError
from data.segments import Segments

MAX_SEGMENTS = 2**16 - 1
FEDERATED = ("negatives", "not_exhaustive")
"""What examples say more where photos were not searched for every class."""


def segmentation_features(federated: bool = False) -> tfds.features.FeaturesDict:
    """Returns the features that all builders share.

    * image: uint8 [H, W, 3], RGB.
    * segment_ids: uint16 [H, W, 1]; 0 is void, i is segment i.
    * categories: int64 [n]; contiguous class index of segment i at position i - 1.
    * crowds: bool [n]; whether a segment is a crowd of uncounted objects.
    * whole: string [n]; packed run lengths of a segment that others hide, empty for the rest.
    * captions: string [m]; empty for sets without captions.
    * file_name: string; name of the picture in the publisher's tree, or a key.

    And, of sets whose photos were each searched for some classes only:

    * negatives: int64 [a]; class indices of which the picture is known to hold none.
    * not_exhaustive: int64 [b]; class indices of which not every object is annotated.

    Args:
        federated: Whether the set is of that kind.
    """
    more = {name: tfds.features.Sequence(np.int64) for name in FEDERATED if federated}
    return tfds.features.FeaturesDict(
        {
            **more,
            "image": tfds.features.Image(shape=(None, None, 3)),
            "segment_ids": tfds.features.Image(
                shape=(None, None, 1), dtype=np.uint16, encoding_format="png", use_colormap=False
            ),
            "categories": tfds.features.Sequence(np.int64),
            "crowds": tfds.features.Sequence(np.bool_),
            "whole": tfds.features.Sequence(tfds.features.Text()),
            "captions": tfds.features.Sequence(tfds.features.Text()),
            "file_name": tfds.features.Text(),
        }
    )


def segmentation_example(
    image: Any, segments: Segments, captions: Sequence[str], file_name: str
) -> dict[str, Any]:
    """Returns one example in the format of `segmentation_features`.

    Args:
        image: uint8 [H, W, 3], or encoded bytes, or a path, which are stored as they are.
        segments: What is annotated in the picture.
        captions: Captions of the picture.
        file_name: Name under which messages and results mention the picture.

    Raises:
        ManualFileError: If an id has no category or there are too many segments.
    """
    count, highest = len(segments.categories), int(segments.ids.max(initial=0))
    if highest > count:
        raise ManualFileError(
            f"{file_name}: segment id {highest} has no category; there are {count} categories"
        )
    if count > MAX_SEGMENTS:
        raise ManualFileError(f"{file_name}: {count} segments; {MAX_SEGMENTS} fit")
    return {
        "image": png_bytes(image) if isinstance(image, np.ndarray) else image,
        "segment_ids": png_bytes(segments.ids.astype(np.uint16)),
        "categories": np.asarray(segments.categories, np.int64),
        "crowds": np.asarray(segments.crowds or np.zeros(count), np.bool_),
        "whole": list(segments.whole or [b""] * count),
        "captions": list(captions),
        "file_name": file_name,
    }


def png_bytes(array: np.ndarray) -> bytes:
    """Encodes uint8 [H, W, 3] or uint16 [H, W] as PNG, fast rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
