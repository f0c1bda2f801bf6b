"""From the labels of records to positions in the vocabulary that a config names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.builders import DataError, own_classes, own_interest
from ovseg_jax.vocabulary.classes import (
    ClassList,
    VocabularyError,
    is_preset,
    load_class_file,
    load_preset,
)
from ovseg_jax.vocabulary.matching import label_table

SEARCHED = ("negatives", "not_exhaustive")
"""Lists of classes in records of sets whose photos were not searched for every class."""


def named_classes(name: str) -> ClassList:
    """Loads a class list: a preset by name, several joined by "+", or a file."""
    return load_preset(name) if is_preset(name) else load_class_file(name)


def class_list(data: DataConfig) -> ClassList:
    """Returns the vocabulary of a data section; where it names none, the data set's own classes.

    Raises:
        DataError: The data set's own classes cannot be read.
        VocabularyError: There is no such preset or file.
    """
    return named_classes(data.vocabulary) if data.vocabulary else own_classes(data)


def interest_mask(data: DataConfig, classes: ClassList) -> Bool[np.ndarray, " k"] | None:
    """Marks the classes of interest of a data set among those of the vocabulary; None for none.

    Raises:
        DataError: The data set's description cannot be read.
    """
    names = set(own_interest(data))
    if not names:
        return None
    return np.array([not names.isdisjoint(entry.synonyms) for entry in classes.classes])


class Labelled(Sequence):
    """Records whose categories are positions in the vocabulary of their config."""

    def __init__(self, source: Sequence[dict[str, Any]], data: DataConfig):
        """Compares the classes of the data set with the vocabulary, by name.

        Args:
            source: Records whose "categories" are positions in the data set's own class list.
            data: The data set and the vocabulary.

        Raises:
            DataError: The vocabulary lacks a class of the data set; the message has both lists.
        """
        self._source, self._data = source, data
        self._table = positions(data)

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = self._source[index]
        categories = np.asarray(record["categories"], np.int64)
        wrong = categories[(categories < 0) | (categories >= len(self._table))]
        if wrong.size:
            name = bytes(record["file_name"]).decode(errors="replace")
            raise DataError(
                f"{self._data.name}: {name} has label {wrong[0]}, but the data set has "
                f"{len(self._table)} classes; prepare it anew"
            )
        moved = {
            name: self._table[np.asarray(record[name], np.int64)]
            for name in SEARCHED
            if name in record
        }
        return record | moved | {"categories": self._table[categories]}


def positions(data: DataConfig) -> Int[np.ndarray, " c"]:
    """Returns the position in the vocabulary of each class of a data set; prepares nothing.

    Raises:
        DataError: The vocabulary lacks a class of the data set; the message has both lists.
    """
    own = own_classes(data)
    try:
        return label_table(own, class_list(data))
    except VocabularyError as error:
        raise DataError(
            f"data.vocabulary: {error}. Name all of them in the vocabulary (data.classes keeps "
            "some of them), or leave data.vocabulary empty for those of the data set"
        ) from error


def class_filter(data: DataConfig, classes: ClassList) -> list[int] | None:
    """Returns the indices of the classes that training keeps; None for all.

    Raises:
        DataError: A kept name is not in the vocabulary.
    """
    if not data.classes:
        return None
    if unknown := sorted(set(data.classes) - set(classes.names)):
        raise DataError(f"data.classes: {unknown} are not in {classes.name}")
    return [index for index, name in enumerate(classes.names) if name in data.classes]
