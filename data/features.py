"""The one example format that every segmentation builder of this folder writes.

An example carries an id map instead of one mask per segment: masks are expanded where they are
used, so a record stays as small as its picture.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from data.manual_files import ManualFileError

MAX_SEGMENTS = 2**16 - 1


def segmentation_features() -> tfds.features.FeaturesDict:
    """Returns the features that all builders share.

    * image: uint8 [H, W, 3], RGB.
    * segment_ids: uint16 [H, W, 1]; 0 is void, i is segment i.
    * categories: int64 [n]; contiguous class index of segment i at position i - 1.
    * captions: string [m]; empty for sets without captions.
    * file_name: string; name of the picture in the publisher's tree, or a key.
    """
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "segment_ids": tfds.features.Image(
                shape=(None, None, 1), dtype=np.uint16, encoding_format="png", use_colormap=False
            ),
            "categories": tfds.features.Sequence(np.int64),
            "captions": tfds.features.Sequence(tfds.features.Text()),
            "file_name": tfds.features.Text(),
        }
    )


def segmentation_example(
    image: Any,
    segment_ids: np.ndarray,
    categories: Sequence[int] | np.ndarray,
    captions: Sequence[str],
    file_name: str,
) -> dict[str, Any]:
    """Returns one example in the format of `segmentation_features`.

    Args:
        image: uint8 [H, W, 3], or encoded bytes, or a path, which are stored as they are.
        segment_ids: Integers [H, W], 0 for void and 1 to n for the segments.
        categories: Class index of each segment, length n.
        captions: Captions of the picture.
        file_name: Name under which messages and results mention the picture.

    Raises:
        ValueError: If an id has no category or there are too many segments.
    """
    if segment_ids.size and int(segment_ids.max()) > len(categories):
        raise ManualFileError(
            f"{file_name}: segment id {int(segment_ids.max())} has no category; "
            f"there are {len(categories)} categories"
        )
    if len(categories) > MAX_SEGMENTS:
        raise ManualFileError(f"{file_name}: {len(categories)} segments; {MAX_SEGMENTS} fit")
    return {
        "image": png_bytes(image) if isinstance(image, np.ndarray) else image,
        "segment_ids": png_bytes(segment_ids.astype(np.uint16)),
        "categories": np.asarray(categories, np.int64),
        "captions": list(captions),
        "file_name": file_name,
    }


def png_bytes(array: np.ndarray) -> bytes:
    """Encodes uint8 [H, W, 3] or uint16 [H, W] as PNG, fast rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
