"""Random pictures in the shapes of a training, read from nowhere: what a step takes by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.builders import DataError
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.vocabulary.text_bank import Tokenizer

CELLS = 8
"""Segments are rectangles of so many to a side."""


def synthetic_batch(
    data: DataConfig,
    seed: int,
    slots: range,
    tokenizer: Tokenizer | None,
    class_filter: Sequence[int] | None,
) -> dict[str, np.ndarray]:
    """Draws the one batch of a host, in the shapes and types of the stream's own.

    Args:
        data: Shapes and vocabulary.
        seed: Together with the slot it decides the picture.
        slots: Which examples of the batch are this host's.
        tokenizer: For captions, where `data.captions` is set.
        class_filter: Class indices that occur; None for all.

    Raises:
        DataError: There is no vocabulary to draw labels from.
    """
    check_synthetic(data)
    classes = class_list(data)
    known = range(len(classes)) if class_filter is None else class_filter
    examples = [_example(data, np.random.default_rng([seed, slot]), known) for slot in slots]
    batch = {name: np.stack([example[name] for example in examples]) for name in examples[0]}
    if data.captions and tokenizer is not None:
        names = [classes.names[labels[0]] for labels in batch["labels"]]
        batch["captions"] = np.asarray(tokenizer(names), np.int32)
    return batch


def check_synthetic(data: DataConfig) -> None:
    """Refuses random pictures without a vocabulary or beside data sets.

    Raises:
        DataError: See above.
    """
    if not data.vocabulary:
        raise DataError("data.name is synthetic, which has no classes: give data.vocabulary")
    if data.mixed_with:
        raise DataError("data.name is synthetic, which cannot be mixed: empty data.mixed_with")


def _example(
    data: DataConfig, rng: np.random.Generator, known: Sequence[int]
) -> dict[str, np.ndarray]:
    (height, width), count = data.image_size, min(data.max_segments, CELLS**2)
    rows, columns = (np.arange(side) * CELLS // side for side in (height, width))
    cells = rng.integers(0, count + 1, (CELLS, CELLS)).astype(np.int32)
    cells.flat[rng.permutation(CELLS**2)[:count]] = np.arange(1, count + 1)
    labels = np.full(data.max_segments, -1, np.int32)
    labels[:count] = rng.choice(np.asarray(known), count)
    return {
        "images": rng.integers(0, 256, (height, width, 3), np.uint8),
        "sizes": np.asarray(data.image_size, np.int32),
        "segment_ids": cells[rows[:, None], columns],
        "labels": labels,
    }
