"""Evaluation batches: every picture of a split once, in order, the last batch filled up.

Two protocols. "frame" fits each picture into one fixed frame and scores there. "photo" resizes
each picture to the test size as detectron2 does and scores at the photo's own size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from jaxtyping import Array, Bool, Int, UInt8

from ovseg_jax.config import DataConfig, InferenceConfig
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.ops.images.network_input import MULTIPLE, prepare
from ovseg_jax.ops.images.pillow import resize_image
from ovseg_jax.typing import Batch, Struct, struct

Example = dict[str, Any]


@struct
class View(Struct):
    """One batch as the network sees it and as the score sees it.

    Attributes:
        network: Pictures at network size; ids resized along.
        truth: Pictures and ids at the size at which scores are taken.
    """

    network: Batch
    truth: Batch

    @property
    def images(self) -> UInt8[Array, "b H W 3"]:
        """Pictures at the size of the score."""
        return self.truth.images

    @property
    def valid(self) -> Bool[Array, " b"] | None:
        """False for pictures that only fill up the batch; None where all count."""
        return self.truth.valid


def frame_views(
    data: DataConfig, limit: int = 0, class_filter: Sequence[int] | None = None
) -> Iterator[View]:
    """Yields batches of `data.batch_size` pictures, each fitted into `data.image_size`.

    Args:
        data: Split, frame, batch size, and which segments count (`min_area`).
        limit: Stop after this many pictures; 0 takes all.
        class_filter: Class indices whose segments count; None for all.
    """
    source = open_split(data)
    total = min(len(source), limit or len(source))
    for first in range(0, total, data.batch_size):
        numbers = range(first, min(first + data.batch_size, total))
        examples = [_read(source[n], data, class_filter) for n in numbers]
        examples = [_fit(example, data.image_size, data.image_size) for example in examples]
        batch = _stack(examples, data.batch_size, data.max_segments)
        yield View(network=batch, truth=batch)


def photo_views(
    data: DataConfig,
    inference: InferenceConfig,
    limit: int = 0,
    class_filter: Sequence[int] | None = None,
    stride: int = MULTIPLE,
) -> Iterator[View]:
    """Yields pictures one by one at test size, with the truth at the photo's own size.

    The truth is padded in the proportion of the network's frame, so that masks that cover the
    frame lie on it; frames hold whole cells of `stride` pixels.
    """
    source = open_split(data)
    for number in range(min(len(source), limit or len(source))):
        example = _read(source[number], data, class_filter)
        height, width = example["image"].shape[:2]
        seen = prepare(example["image"], inference.short_side, inference.long_side, stride)
        padded = seen.frame.shape[:2]
        network = example | {
            "image": seen.frame,
            "segment_ids": _padded(_nearest(example["segment_ids"], seen.size), padded),
            "size": np.asarray(seen.size, np.int32),
        }
        full = tuple(
            round(p * o / s) for p, o, s in zip(padded, (height, width), seen.size, strict=True)
        )
        truth = _fit(example, full, (height, width))
        yield View(
            network=_stack([network], 1, data.max_segments),
            truth=_stack([truth], 1, data.max_segments),
        )


def _read(record: Example, data: DataConfig, class_filter: Sequence[int] | None) -> Example:
    """Decodes a record and makes the segments that do not count void, as the stream does."""
    example: Example = dict(decode(record))
    ids, categories = example["segment_ids"], example["categories"]
    if class_filter is None and not data.min_area:
        return example
    areas = np.bincount(ids.ravel(), minlength=len(categories) + 1)[1:]
    kept = areas.astype(np.float32) >= np.float32(data.min_area) * np.float32(ids.size)
    if class_filter is not None:
        kept &= np.isin(categories, class_filter)
    slots = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(np.int32)
    return example | {"segment_ids": slots[ids], "categories": categories[kept]}


def _fit(example: Example, frame: Sequence[int], limit: Sequence[int]) -> Example:
    """Resizes to the largest size inside `limit` that keeps the aspect, and pads to `frame`."""
    height, width = example["image"].shape[:2]
    scale = min(limit[0] / height, limit[1] / width)
    size = (min(round(height * scale), limit[0]), min(round(width * scale), limit[1]))
    image, ids = example["image"], example["segment_ids"]
    if size != (height, width):
        image, ids = resize_image(image, size), _nearest(ids, size)
    return example | {
        "image": _padded(image, frame),
        "segment_ids": _padded(ids, frame),
        "size": np.asarray(size, np.int32),
    }


def _padded(pixels: np.ndarray, frame: Sequence[int]) -> np.ndarray:
    """Fills up with zeros to the right and below."""
    margins = [(0, side - have) for side, have in zip(frame, pixels.shape[:2], strict=True)]
    return np.pad(pixels, [*margins, *[(0, 0)] * (pixels.ndim - 2)])


def _nearest(ids: Int[np.ndarray, "H W"], size: Sequence[int]) -> Int[np.ndarray, "_H _W"]:
    """Picks the pixel under each new centre, as Pillow's nearest filter does."""
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
        for new, old in zip(size, ids.shape, strict=True)
    )
    return ids[rows[:, None], columns[None]]


def _stack(examples: Sequence[Example], batch_size: int, max_segments: int) -> Batch:
    """Stacks examples and fills the batch up with copies that are marked invalid."""
    labels = np.full((batch_size, max_segments), -1, np.int32)
    for row, example in enumerate(examples):
        count = len(example["categories"])
        if count > max_segments:
            raise DataError(
                f"data.max_segments: {example['file_name']} has {count} segments, room is for "
                f"{max_segments}; raise it"
            )
        labels[row, :count] = example["categories"]
    filled = [*examples, *[examples[0]] * (batch_size - len(examples))]
    return Batch(
        images=_on_host(np.stack([example["image"] for example in filled])),
        sizes=_on_host(np.stack([example["size"] for example in filled])),
        segment_ids=_on_host(np.stack([example["segment_ids"] for example in filled])),
        labels=_on_host(labels),
        valid=_on_host(np.arange(batch_size) < len(examples)),
    )


def _on_host(array: np.ndarray) -> Array:
    """Lets NumPy stand where a batch says JAX: it stays on the host until a program takes it."""
    return cast("Array", array)
