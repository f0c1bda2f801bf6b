"""Evaluation batches: every picture of a split once, in order, the last batch filled up.

Two protocols. "frame" fits each picture into one fixed frame and scores there. "photo" resizes
each picture to the test size as detectron2 does and scores at the photo's own size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
from jaxtyping import Array, Bool, Int, UInt8
from pycocotools import mask as run_lengths

from ovseg_jax.config import DataConfig, InferenceConfig
from ovseg_jax.foundation.typing import Batch, Struct, struct
from ovseg_jax.inputs.datasets import decode, open_split
from ovseg_jax.inputs.federated import Searched, stack_searched
from ovseg_jax.ops.images.network_input import MULTIPLE, prepare
from ovseg_jax.ops.images.pillow import resize_image

Example = dict[str, Any]
Share = Callable[[int], Iterable[int]]
"""Takes the number of batches of a split; returns the numbers of those that are wanted."""


@struct
class Overlaps(Struct):
    """All of each true segment that others hide in part, at the size of the score; on the host.

    Attributes:
        ids: Which segments; 0 fills unused slots.
        masks: Their pixels.
    """

    ids: Int[np.ndarray, "b m"]
    masks: Bool[np.ndarray, "b m H W"]


@struct
class View(Struct):
    """One batch as the network sees it and as the score sees it.

    Attributes:
        network: Pictures at network size; ids resized along.
        truth: Pictures and ids at the size at which scores are taken.
        overlaps: What the ids of the truth cannot show; None where nothing overlaps.
        searched: For which classes the pictures were searched; None where for all.
        names: File names of the pictures, those that fill up left out.
        number: Of the batch in its split, from 0.
    """

    network: Batch
    truth: Batch
    overlaps: Overlaps | None = None
    searched: Searched | None = None
    names: tuple[str, ...] | None = dataclasses.field(default=None, metadata={"static": True})
    number: int = dataclasses.field(default=0, metadata={"static": True})

    @property
    def images(self) -> UInt8[Array, "b H W 3"]:
        """Pictures at the size of the score."""
        return self.truth.images

    @property
    def valid(self) -> Bool[Array, " b"] | None:
        """False for pictures that only fill up the batch; None where all count."""
        return self.truth.valid


def frame_views(
    data: DataConfig,
    limit: int = 0,
    class_filter: Sequence[int] | None = None,
    share: Share = range,
) -> Iterator[View]:
    """Yields batches of `data.batch_size` pictures, each fitted into `data.image_size`.

    Args:
        data: Split, frame, batch size, and which segments count (`min_area`).
        limit: Stop after this many pictures; 0 takes all.
        class_filter: Class indices whose segments count; None for all.
        share: Picks batches; only their pictures are read.
    """
    source = open_split(data)
    total = min(len(source), limit or len(source))
    for number in share(-(-total // data.batch_size)):
        first = number * data.batch_size
        numbers = range(first, min(first + data.batch_size, total))
        examples = [_read(source[n], data, class_filter) for n in numbers]
        examples = [_fit(example, data.image_size, data.image_size) for example in examples]
        batch = _stack(examples, data.batch_size, data.max_segments)
        yield View(
            network=batch,
            truth=batch,
            overlaps=_overlaps(examples, data.batch_size),
            searched=stack_searched(examples, data.batch_size),
            names=tuple(example["file_name"] for example in examples),
            number=number,
        )


def photo_views(
    data: DataConfig,
    inference: InferenceConfig,
    limit: int = 0,
    class_filter: Sequence[int] | None = None,
    stride: int = MULTIPLE,
    share: Share = range,
) -> Iterator[View]:
    """Yields pictures one by one at test size, with the truth at the photo's own size.

    The truth is padded in the proportion of the network's frame, so that masks that cover the
    frame lie on it; frames hold whole cells of `stride` pixels.
    """
    source = open_split(data)
    for number in share(min(len(source), limit or len(source))):
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
            overlaps=_overlaps([truth], 1),
            searched=stack_searched([truth], 1),
            names=(example["file_name"],),
            number=number,
        )


def _read(record: Example, data: DataConfig, class_filter: Sequence[int] | None) -> Example:
    """Decodes a record and makes the segments that do not count void, as the stream does.

    Run lengths become "hidden": by segment id, all of each segment that others hide.
    """
    example: Example = dict(decode(record))
    ids, categories = example["segment_ids"], example["categories"]
    runs = {number: packed for number, packed in enumerate(example.pop("whole"), start=1) if packed}
    hidden = {number: _unpacked(packed, ids.shape) for number, packed in runs.items()}
    if class_filter is None and not data.min_area:
        return example | {"hidden": hidden}
    areas = np.bincount(ids.ravel(), minlength=len(categories) + 1)[1:]
    kept = areas.astype(np.float32) >= np.float32(data.min_area) * np.float32(ids.size)
    if class_filter is not None:
        kept &= np.isin(categories, class_filter)
    slots = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(np.int32)
    return example | {
        "segment_ids": slots[ids],
        "categories": categories[kept],
        "crowds": example["crowds"][kept],
        "hidden": {int(slots[n]): mask for n, mask in hidden.items() if slots[n]},
    }


def _fit(example: Example, frame: Sequence[int], limit: Sequence[int]) -> Example:
    """Resizes to the largest size inside `limit` that keeps the aspect, and pads to `frame`."""
    height, width = example["image"].shape[:2]
    scale = min(limit[0] / height, limit[1] / width)
    size = (min(round(height * scale), limit[0]), min(round(width * scale), limit[1]))
    image, ids, hidden = example["image"], example["segment_ids"], example["hidden"]
    if size != (height, width):
        image, ids = resize_image(image, size), _nearest(ids, size)
        hidden = {number: _nearest(mask, size) for number, mask in hidden.items()}
    return example | {
        "image": _padded(image, frame),
        "segment_ids": _padded(ids, frame),
        "hidden": {number: _padded(mask, frame) for number, mask in hidden.items()},
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
    """Stacks examples and fills the batch up with copies that are marked invalid.

    There is room for all segments: `max_segments` of them, or so many times more.
    """
    most = max(len(example["categories"]) for example in examples)
    slots = max_segments * max(-(-most // max_segments), 1)
    labels = np.full((batch_size, slots), -1, np.int32)
    crowds = np.zeros((batch_size, slots), bool)
    for row, example in enumerate(examples):
        count = len(example["categories"])
        labels[row, :count] = example["categories"]
        crowds[row, :count] = example["crowds"]
    filled = [*examples, *[examples[0]] * (batch_size - len(examples))]
    return Batch(
        images=_on_host(np.stack([example["image"] for example in filled])),
        sizes=_on_host(np.stack([example["size"] for example in filled])),
        segment_ids=_on_host(np.stack([example["segment_ids"] for example in filled])),
        labels=_on_host(labels),
        crowds=_on_host(crowds),
        valid=_on_host(np.arange(batch_size) < len(examples)),
    )


def _unpacked(packed: bytes, size: Sequence[int]) -> Bool[np.ndarray, "H W"]:
    """Decodes run lengths as COCO packs them."""
    return run_lengths.decode({"size": list(size), "counts": packed}).astype(bool)


def _overlaps(examples: Sequence[Example], batch_size: int) -> Overlaps | None:
    """Stacks the masks of segments that others hide."""
    most = max(len(example["hidden"]) for example in examples)
    if not most:
        return None
    ids = np.zeros((batch_size, most), np.int32)
    masks = np.zeros((batch_size, most, *examples[0]["segment_ids"].shape), bool)
    for row, example in enumerate(examples):
        for slot, (number, mask) in enumerate(example["hidden"].items()):
            ids[row, slot], masks[row, slot] = number, mask
    return Overlaps(ids=ids, masks=masks)


def _on_host(array: np.ndarray) -> Array:
    """Lets NumPy stand where a batch says JAX: it stays on the host until a program takes it."""
    return cast("Array", array)
