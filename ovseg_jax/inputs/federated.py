"""Sets whose photos were each searched for some classes only, as LVIS: a federation of small sets.

Nobody knows whether a photo holds an object of the other classes, so nothing found of them is
wrong there. What is known travels with each photo; how rare a class is belongs to the set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from ovseg_jax.config import DataConfig
from ovseg_jax.foundation.typing import Struct, struct
from ovseg_jax.inputs.builders import DataError, builder_module, load_builder
from ovseg_jax.inputs.labels import SEARCHED, class_list, positions


@struct
class Searched(Struct):
    """What the annotations of each picture say of whole classes; on the host.

    Attributes:
        negatives: Classes that were searched for and are not there; -1 fills unused slots.
        not_exhaustive: Classes of which some objects are not annotated, likewise.
    """

    negatives: Int[np.ndarray, "b a"]
    not_exhaustive: Int[np.ndarray, "b c"]


def stack_searched(examples: Sequence[Mapping[str, Any]], batch_size: int) -> Searched | None:
    """Stacks what decoded records say; None where they say nothing."""
    if not all(name in examples[0] for name in SEARCHED):
        return None
    return Searched(**{name: _padded(examples, name, batch_size) for name in SEARCHED})


def searches_apart(data: DataConfig) -> bool:
    """Whether the photos of a data set were searched for some classes only; prepares nothing."""
    return hasattr(builder_module(data), "FREQUENCY")


def class_frequencies(data: DataConfig) -> tuple[str, ...] | None:
    """Returns how often each class of the vocabulary occurs in training: "r", "c" or "f".

    "" stands for classes that the set does not have.

    Returns:
        A letter for each class; None for sets whose photos were searched for every class.

    Raises:
        DataError: The set cannot be prepared, or its records do not say.
    """
    field = getattr(builder_module(data), "FREQUENCY", None)
    if field is None:
        return None
    letters = (load_builder(data).info.metadata or {}).get(field)
    places = positions(data)
    if letters is None or len(letters) != len(places):
        raise DataError(
            f"{data.name}: the prepared records do not say how often its classes occur; remove "
            "them and prepare them anew"
        )
    found = [""] * len(class_list(data))
    for place, letter in zip(places.tolist(), letters, strict=True):
        # Classes that a smaller vocabulary takes for one count as often as the most frequent.
        found[place] = max(found[place], letter, key=("", "r", "c", "f").index)
    return tuple(found)


def _padded(
    examples: Sequence[Mapping[str, Any]], name: str, batch_size: int
) -> Int[np.ndarray, "b a"]:
    most = max(len(example[name]) for example in examples)
    rows = np.full((batch_size, most), -1, np.int32)
    for row, example in enumerate(examples):
        rows[row, : len(example[name])] = example[name]
    return rows
