"""Examples of the training stream by number, read and augmented by several threads in turn."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs import augment, colors
from ovseg_jax.inputs.order import Order, check_mixture
from ovseg_jax.inputs.packing import pack_segments, take_names, worth_training
from ovseg_jax.inputs.reading import Reader

AHEAD = 2
"""Batches that are ready before they are asked for."""


class Examples:
    """Turns numbers of the stream into examples.

    Whatever is random is drawn without state, by purpose: a caption, the geometry, which segments
    stay, the colours.
    """

    def __init__(
        self, data: DataConfig, seed: int, reader: Reader, class_filter: Sequence[int] | None
    ):
        """Prepares the order of the records.

        Args:
            data: How examples are augmented.
            seed: Of the run.
            reader: Has the sets of `data` open.
            class_filter: Class indices whose names are kept; None for all.

        Raises:
            DataError: The sets cannot be mixed.
        """
        self._data, self._seed, self._reader = data, seed, reader
        self._class_filter = class_filter
        self._order = Order(reader.sizes, check_mixture(data), seed, data.shuffle)

    def example(self, number: Any) -> dict[str, Any]:
        """Returns the arrays of one image of a `Batch`, as tensors, by the example's number."""
        import tensorflow as tf

        draw = tf.random.stateless_uniform
        arguments = [
            *self._order.find(number),
            draw([], self._key(number, 0), maxval=2**30, dtype=tf.int32),
            draw([augment.DRAWS], self._key(number, 1)),
            draw([colors.DRAWS], self._key(number, 3)),
            self._key(number, 2),
        ]
        shapes = self._shapes()
        kinds = [tf.uint8 if name == "images" else tf.int32 for name in shapes]
        arrays = tf.numpy_function(self._load, arguments, kinds, stateful=False)
        pairs = zip(shapes.items(), arrays, strict=True)
        return {name: tf.ensure_shape(array, shape) for (name, shape), array in pairs}

    def _shapes(self) -> dict[str, list[int]]:
        frame, captions = list(self._data.image_size), {"captions": [self._reader.tokens]}
        shapes = {"images": [*frame, 3], "sizes": [2], "segment_ids": frame}
        shapes |= {"labels": [self._data.max_segments]}
        return shapes | captions if self._reader.tokens else shapes

    def _load(
        self, chosen: Any, record: Any, caption: Any, geometry: Any, shades: Any, key: Any
    ) -> tuple[np.ndarray, ...]:
        """Reads, augments and packs one example on the host."""
        import tensorflow as tf

        read = self._reader.read(int(chosen), int(record), int(caption))
        read = take_names(read, self._class_filter)
        framed = augment.augment(read, geometry, shades, self._data)
        packed = pack_segments(
            read,
            framed,
            worth_training(read, self._data),
            self._data.max_segments,
            lambda count: tf.random.stateless_uniform([count], key).numpy(),
        )
        arrays = (framed.image, framed.size, *packed, read.tokens)
        return arrays if self._reader.tokens else arrays[:-1]

    def _key(self, number: Any, purpose: int) -> Any:
        """Mixes run seed, example number and purpose into a stateless seed."""
        import tensorflow as tf

        run = tf.constant((self._seed * 8 + purpose) % 2**31, tf.int64)
        return tf.stack([run, number])


def example_batches(
    examples: Examples, data: DataConfig, start: int, slots: range
) -> Iterator[dict[str, np.ndarray]]:
    """Yields the batches of one host, for ever.

    Args:
        examples: What is read.
        data: Sizes of batch and threads.
        start: Step to begin with.
        slots: Which examples of a batch are this host's.
    """
    workers = data.workers or _processors()
    dataset = _numbers(start, data.batch_size, slots)
    dataset = dataset.map(examples.example, num_parallel_calls=workers, deterministic=True)
    dataset = dataset.batch(len(slots), drop_remainder=True).prefetch(AHEAD)
    return dataset.as_numpy_iterator()


def _processors() -> int:
    """Counts those that this process may use."""
    share = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(share(0)) if share else os.cpu_count() or 1


def _numbers(start: int, batch_size: int, slots: range) -> Any:
    """Counts the stream's examples that belong to this host, for ever."""
    import tensorflow as tf

    for kind in ("GPU", "TPU"):  # TensorFlow must never take the accelerator's memory
        tf.config.set_visible_devices([], kind)
    first = start * batch_size + slots.start
    batches = tf.data.Dataset.range(first, np.iinfo(np.int64).max, batch_size)
    return batches.flat_map(lambda begin: tf.data.Dataset.range(begin, begin + len(slots)))
