"""The training stream: a pure function of (seed, step), cut into one part per host.

Example number i of the stream is record `shuffle(seed, epoch)[i mod size]`, augmented with a seed
made of (seed, i). Nothing else enters, so the stream does not depend on how many hosts read it,
and its whole state is the number of the next step: restoring costs nothing.
"""

from __future__ import annotations

import atexit
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from ovseg_jax.config import DataConfig
from ovseg_jax.errors import warn
from ovseg_jax.inputs.augment import augment
from ovseg_jax.inputs.datasets import DataError, open_split
from ovseg_jax.typing import Batch
from ovseg_jax.vocabulary.text_bank import Tokenizer

NOTICED = 32
"""So many first examples without any segment are worth a warning."""


class Stream(Iterator[Batch]):
    """Endless training batches as global arrays.

    Attributes:
        position: Number of the step whose batch comes next; save it, and hand it back as
            `start` to continue.
    """

    def __init__(
        self, local_batches: Iterator[dict], sharding: Any, start: int, *, needs_segments: bool
    ):
        """Wraps per-host NumPy batches; use `train_stream`.

        Args:
            local_batches: Endless.
            sharding: How the leading axis lies over the devices.
            start: Number of the step whose batch comes first.
            needs_segments: Warn if the first examples have none.
        """
        self._local_batches = local_batches
        self._sharding = sharding
        self._empty, self._looks = 0, needs_segments
        self.position = start
        # TensorFlow's threads call Python to read records; one that still waits when the
        # interpreter ends would keep the process from ending.
        atexit.register(self.close)

    def close(self) -> None:
        """Stops reading ahead."""
        self._local_batches = iter(())
        atexit.unregister(self.close)

    def __next__(self) -> Batch:
        """Returns the next batch, laid out over all devices.

        Raises:
            DataError: A record cannot be read, or is not what its data set says.
        """
        arrays = self._read()
        self.position += 1
        place = jax.make_array_from_process_local_data
        return Batch(**{name: place(self._sharding, array) for name, array in arrays.items()})

    def _read(self) -> dict[str, np.ndarray]:
        import tensorflow as tf

        try:
            arrays = next(self._local_batches)
        except tf.errors.OpError as error:
            raise DataError(_reason(error)) from error
        self._look_for_segments(arrays["labels"])
        return arrays

    def _look_for_segments(self, labels: np.ndarray) -> None:
        """Warns once if nothing is trained on; one segment anywhere ends the search."""
        self._empty += len(labels)
        self._looks = self._looks and not (labels >= 0).any()
        if self._looks and self._empty >= NOTICED:
            self._looks = False
            warn(
                f"none of the first {self._empty} examples has a segment to train on: see "
                "data.min_area, data.classes, data.scale and the annotations"
            )


def _reason(error: Exception) -> str:
    """What the reader raised, out of TensorFlow's report of it, which ends in a traceback."""
    first = str(error).splitlines()[0]
    return re.sub(r"^\{\{.*?\}\} ", "", first).removeprefix(f"{DataError.__name__}: ")


def train_stream(
    data: DataConfig,
    seed: int,
    *,
    sharding: Any,
    start: int = 0,
    tokenizer: Tokenizer | None = None,
    class_filter: Sequence[int] | None = None,
) -> Stream:
    """Opens the training stream at a step.

    Args:
        data: What to read and how to augment it.
        seed: Decides order and augmentation.
        sharding: How the leading axis lies over the devices.
        start: Step to begin with.
        tokenizer: Turns captions into ids; needed where `data.captions` is set.
        class_filter: Class indices to keep; None keeps all.

    Raises:
        DataError: The batch size does not divide over the hosts, or a split is missing.
    """
    hosts, host = jax.process_count(), jax.process_index()
    if data.batch_size % jax.device_count():
        raise DataError(
            f"data.batch_size: {data.batch_size} images do not divide over "
            f"{jax.device_count()} devices; use a multiple"
        )
    local = data.batch_size // hosts
    dataset = _numbers(start * data.batch_size, data.batch_size, host * local, local)
    dataset = _examples(dataset, data, seed, open_split(data), tokenizer, class_filter)
    dataset = dataset.batch(local, drop_remainder=True).prefetch(2)
    needs = not data.captions
    return Stream(dataset.as_numpy_iterator(), sharding, start, needs_segments=needs)


def _numbers(first: int, stride: int, offset: int, local: int) -> Any:
    """Counts the stream's examples that belong to this host, from `first` on, for ever."""
    import tensorflow as tf

    for kind in ("GPU", "TPU"):  # TensorFlow must never take the accelerator's memory
        tf.config.set_visible_devices([], kind)
    batches = tf.data.Dataset.range(first + offset, np.iinfo(np.int64).max, stride)
    return batches.flat_map(lambda begin: tf.data.Dataset.range(begin, begin + local))


def _examples(
    numbers: Any,
    data: DataConfig,
    seed: int,
    source: Sequence,
    tokenizer: Tokenizer | None,
    class_filter: Sequence[int] | None,
) -> Any:
    """Turns example numbers into augmented, padded examples."""
    import tensorflow as tf

    reads_words = _caption_tokenizer(data, tokenizer)
    read = _reader(source, data, reads_words)
    keep = None if class_filter is None else tf.constant(sorted(class_filter), tf.int32)

    def load(number: Any) -> dict:
        record = _record_number(number, len(source), seed, data.shuffle)
        choose = tf.random.stateless_uniform(
            [], _seed(seed, number, 0), maxval=2**30, dtype=tf.int32
        )
        kinds = [tf.string, tf.string, tf.int32, tf.bool, tf.int32]
        image, ids, categories, counted, tokens = tf.numpy_function(
            read, [record, choose], kinds, stateful=False
        )
        example = {
            "image": tf.ensure_shape(
                tf.io.decode_image(image, 3, expand_animations=False), [None, None, 3]
            ),
            "segment_ids": _decode_ids(ids),
            "categories": tf.ensure_shape(categories, [None]),
            "counted": tf.ensure_shape(counted, [None]),
        }
        example["kept"] = _kept(example, data, keep)
        example = augment(example, _seed(seed, number, 1), data)
        ids, labels = _pack_segments(example, _seed(seed, number, 2), data)
        batch = {"images": example["image"], "sizes": example["size"]}
        batch |= {"segment_ids": ids, "labels": labels}
        if reads_words is not None:
            batch["captions"] = tf.ensure_shape(tokens, [reads_words.context_length])
        return batch

    return numbers.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _seed(seed: int, number: Any, purpose: int) -> Any:
    """Mixes run seed, example number and purpose into a stateless seed."""
    import tensorflow as tf

    run = tf.constant((seed * 8 + purpose) % 2**31, tf.int64)
    return tf.cast(tf.stack([run, number]), tf.int64)


def _record_number(number: Any, size: int, seed: int, shuffle: bool) -> Any:
    """Returns which record the stream's example number reads; each epoch has its own order."""
    import tensorflow as tf

    epoch, index = number // size, number % size
    if not shuffle:
        return index
    key = tf.cast(tf.stack([epoch % 2**31, seed % 2**31]), tf.int32)
    shuffled = tf.random.experimental.index_shuffle  # type: ignore[reportAttributeAccessIssue]
    return shuffled(index, key, tf.constant(size - 1, tf.int64))  # its module has no stubs


def _caption_tokenizer(data: DataConfig, tokenizer: Tokenizer | None) -> Tokenizer | None:
    """Returns what reads the captions; None where they are not wanted."""
    if not data.captions:
        return None
    if tokenizer is None:
        raise DataError("data.captions: captions need the tokenizer of a text tower")
    return tokenizer


def _reader(source: Sequence, data: DataConfig, tokenizer: Tokenizer | None) -> Callable:
    """Returns a function from record number to encoded image, ids, classes, non-crowds and tokens.

    Without a tokenizer there are no tokens.
    """

    def read(record: int, choose: int) -> tuple:
        example = source[int(record)]
        tokens = np.zeros(0, np.int32)
        if tokenizer is not None:
            captions = example["captions"]
            if not len(captions):
                name = bytes(example["file_name"]).decode()
                raise DataError(f"{data.name}: {name} has no caption, but data.captions is set")
            text = bytes(captions[int(choose) % len(captions)]).decode()
            tokens = np.asarray(tokenizer([text])[0], np.int32)
        categories = np.asarray(example["categories"], np.int32)
        counted = ~np.asarray(example["crowds"], np.bool_)
        return example["image"], example["segment_ids"], categories, counted, tokens

    return read


def _decode_ids(encoded: Any) -> Any:
    """Decodes an id map from an 8- or 16-bit grey PNG."""
    import tensorflow as tf

    ids = tf.io.decode_png(encoded, 1, dtype=tf.uint16)
    # TensorFlow scales 8-bit files up by 257 when asked for 16 bits; the header says which it is.
    depth = tf.reshape(tf.io.decode_raw(tf.strings.substr(encoded, 24, 1), tf.uint8), [])
    ids = tf.cast(ids[..., 0], tf.int32)
    return tf.ensure_shape(tf.where(depth == 8, ids // 257, ids), [None, None])


def _kept(example: dict, data: DataConfig, keep: Any) -> Any:
    """Tells which segments are worth training on, from the picture before augmentation.

    Boolean [segments]: no crowd, large enough, and of a class inside the filter.
    """
    import tensorflow as tf

    ids, categories = example["segment_ids"], example["categories"]
    kept = example["counted"]
    if data.min_area:
        least = data.min_area * tf.cast(tf.size(ids), tf.float32)
        kept &= tf.cast(_areas(ids, tf.size(categories)), tf.float32) >= least
    if keep is not None:
        kept &= tf.reduce_any(categories[:, None] == keep[None], axis=1)
    return kept


def _areas(ids: Any, count: Any) -> Any:
    """Counts the pixels of ids 1 to `count`."""
    import tensorflow as tf

    return tf.math.bincount(tf.reshape(ids, [-1]), minlength=count + 1, maxlength=count + 1)[1:]


def _pack_segments(example: dict, seed: Any, data: DataConfig) -> tuple[Any, Any]:
    """Renumbers the segments worth training on into the fixed number of slots.

    Segments that left the frame and those that are not "kept" become void. If more than
    `max_segments` remain, a random choice of them stays.
    """
    import tensorflow as tf

    ids, categories = example["segment_ids"], example["categories"]
    count = tf.shape(categories)[0]
    present = (_areas(ids, count) > 0) & example["kept"]
    order = tf.random.stateless_uniform(tf.shape(categories), seed) - tf.cast(present, tf.float32)
    room = tf.minimum(data.max_segments, tf.reduce_sum(tf.cast(present, tf.int32)))
    chosen = tf.sort(tf.argsort(order)[:room])
    slots = tf.scatter_nd(chosen[:, None] + 1, tf.range(1, tf.size(chosen) + 1), [count + 1])
    labels = tf.pad(
        tf.gather(categories, chosen),
        [[0, data.max_segments - tf.size(chosen)]],
        constant_values=-1,
    )
    return tf.gather(slots, ids), tf.ensure_shape(labels, [data.max_segments])
