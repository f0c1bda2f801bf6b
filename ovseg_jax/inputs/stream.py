"""The training stream: a pure function of (seed, step), cut into one part per host.

`Order` says which record an example is by its number alone, and whatever is drawn has a seed made
of (seed, number). Nothing else enters, so the stream does not depend on how many hosts read it,
and its whole state is the number of the next step: restoring costs nothing. A record that cannot
be read has the next one of its set in its place, wherever and whenever it comes up.
"""

from __future__ import annotations

import atexit
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from ovseg_jax.config import DataConfig
from ovseg_jax.config.data import SYNTHETIC
from ovseg_jax.foundation.errors import warn
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.inputs.builders import DataError
from ovseg_jax.inputs.examples import Examples, example_batches
from ovseg_jax.inputs.reading import Reader
from ovseg_jax.inputs.synthetic import synthetic_batch
from ovseg_jax.inputs.unreadable import Unreadable
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
        self,
        local_batches: Iterator[dict[str, np.ndarray]],
        sharding: Any,
        start: int,
        *,
        unreadable: Unreadable,
        needs_segments: bool,
    ):
        """Wraps per-host NumPy batches; use `train_stream`.

        Args:
            local_batches: Endless.
            sharding: How the leading axis lies over the devices.
            start: Number of the step whose batch comes first.
            unreadable: Where records that cannot be read are noted.
            needs_segments: Warn if the first examples have none.
        """
        self._local_batches = local_batches
        self._sharding, self._unreadable = sharding, unreadable
        self._empty, self._looks = 0, needs_segments
        self.position = start
        # TensorFlow's threads call Python to read records; one that still waits when the
        # interpreter ends would keep the process from ending.
        atexit.register(self.close)

    @property
    def failure(self) -> DataError | None:
        """The error that is due once more records were passed over than `data.max_unreadable`.

        The stream goes on all the same, with what stands in their place: each host counts its own,
        and one that left by itself would leave the others waiting for it in the middle of a step.
        Whoever takes the batches looks here and ends all hosts behind the same step.
        """
        return self._unreadable.failure

    def close(self) -> None:
        """Stops reading ahead."""
        self._local_batches = iter(())
        atexit.unregister(self.close)

    def __next__(self) -> Batch:
        """Returns the next batch, laid out over all devices.

        Raises:
            DataError: More records in a row cannot be read than may be passed over.
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
            raise self.failure or DataError(_reason(error)) from error
        self._unreadable.tell()
        self._look_for_segments(arrays["labels"])
        return arrays

    def _look_for_segments(self, labels: np.ndarray) -> None:
        """Warns once if nothing is trained on; one segment anywhere ends the search."""
        self._empty += len(labels)
        self._looks = self._looks and (labels == -1).all()
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
        class_filter: Class indices whose names are kept; None for all.

    Raises:
        DataError: The batch size does not divide over the hosts, or a split is missing.
    """
    slots, unreadable = _slots(data, sharding), Unreadable(data.max_unreadable)
    if data.name == SYNTHETIC:
        warn("data.name is synthetic: the pictures are noise, so this is not a training")
        batches = itertools.repeat(synthetic_batch(data, seed, slots, tokenizer, class_filter))
    else:
        reader = Reader(data, tokenizer, unreadable)
        examples = Examples(data, seed, reader, class_filter)
        batches = example_batches(examples, data, 0 if data.reuse_batch else start, slots)
    if data.reuse_batch:
        warn("data.reuse_batch: every step gets the first batch, so this is not a training")
        batches = _repeated(batches)
    needs = not data.captions
    return Stream(batches, sharding, start, unreadable=unreadable, needs_segments=needs)


def _repeated(batches: Iterator[dict[str, np.ndarray]]) -> Iterator[dict[str, np.ndarray]]:
    """Yields the first batch for ever, and lets go of the rest."""
    first = next(batches)
    del batches
    yield from itertools.repeat(first)


def _slots(data: DataConfig, sharding: Any) -> range:
    """Returns which examples of a batch this host reads."""
    hosts, host = jax.process_count(), jax.process_index()
    try:
        sharding.shard_shape((data.batch_size,))
    except ValueError as error:
        raise DataError(
            f"data.batch_size: {data.batch_size} images do not divide over "
            f"{sharding.num_devices} devices; use a multiple"
        ) from error
    local = data.batch_size // hosts
    return range(host * local, (host + 1) * local)
