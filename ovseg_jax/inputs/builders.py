"""Finding and preparing the TFDS builders of the `data/` folder that is shipped with the package.

Records are prepared as ArrayRecord files, so that any example can be read by its number: the
training stream needs that to be a pure function of (seed, step).
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ovseg_jax.config import DataConfig
from ovseg_jax.disk import shipped
from ovseg_jax.foundation.errors import MissingPackageError, OvsegError
from ovseg_jax.vocabulary.classes import ClassList

# TensorFlow only reads data here; its notes about processors would drown ours.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


class DataError(OvsegError, ValueError):
    """A data set is missing or is not what its config says."""


def check_place(data: DataConfig) -> None:
    """Refuses a data set that does not exist, or whose folder does not; reads nothing.

    Raises:
        DataError: See above.
    """
    known = shipped.data_sets()
    if data.name not in known:
        near = difflib.get_close_matches(data.name, known, n=1)
        hint = f"perhaps you meant {near[0]!r}; " if near else ""
        raise DataError(
            f"data.name: there is no data set {data.name!r}; {hint}known: {', '.join(known)}"
        )
    if data.root and not Path(data.root).is_dir():
        raise DataError(f"data.root: there is no folder {data.root}; give that of {data.name}")


def load_builder(data: DataConfig) -> Any:
    """Returns the prepared builder of `data.name`.

    Records of every state of every folder are kept apart. A builder that reads a folder of the
    user's own offers `config_of_folder(root, name)`, which names them after the folder's content;
    one of a published set offers `trees`, and its records are named after their files and sizes.

    Raises:
        DataError: There is no such builder or config, or its files are missing or damaged.
    """
    builder = open_builder(data)
    with _naming_the_root(data):
        if hasattr(builder_module(data), "trees"):
            reader("states").tell_other_states(builder)
        reader("preparing").prepare(builder, data.root or None, "array_record")
    return builder


def open_builder(data: DataConfig) -> Any:
    """Returns the builder of `data.name`, whose records may not be there; prepares nothing.

    Raises:
        DataError: As `load_builder`.
    """
    module = builder_module(data)
    arguments = {"file_format": "array_record"}
    if data.prepared:
        arguments["data_dir"] = data.prepared
    with _naming_the_root(data), without_notes():
        return module.Builder(**arguments, config=_builder_config(module, data))


def own_classes(data: DataConfig) -> ClassList:
    """Returns the classes whose positions are the labels in the records of a data set.

    Raises:
        DataError: There is no such builder or config, or the folder's classes cannot be read.
    """
    module = builder_module(data)
    with _naming_the_root(data):
        return module.class_list(data.root, data.config)


def own_interest(data: DataConfig) -> tuple[str, ...]:
    """Returns the names of the classes for which a data set wants a score of their own.

    Its module says so by `classes_of_interest(root, config)`; without that there are none.

    Raises:
        DataError: As `own_classes`.
    """
    module = builder_module(data)
    if not hasattr(module, "classes_of_interest"):
        return ()
    with _naming_the_root(data):
        return module.classes_of_interest(data.root, data.config)


def builder_module(data: DataConfig) -> ModuleType:
    """Imports the module of `data.name`, after checking that it has the config.

    Raises:
        DataError: There is no such builder or config.
        MissingPackageError: The libraries that read data sets are not installed.
    """
    check_place(data)
    module = reader(f"{data.name}.{data.name}_dataset_builder")
    known = module.Builder.builder_configs
    if data.config and data.config not in known and not has_open_configs(module):
        raise DataError(
            f"data.config: {data.name} has no config {data.config!r}; known: {', '.join(known)}"
        )
    return module


def has_open_configs(module: ModuleType) -> bool:
    """Whether users may write configs of their own, which only `config_of_folder` can know."""
    return hasattr(module, "config_of_folder") and getattr(module, "OPEN_CONFIGS", False)


def reader(name: str) -> ModuleType:
    """Imports a module of `data/`, by its name in there.

    Raises:
        MissingPackageError: The libraries that read data sets are not installed.
    """
    try:
        return shipped.data_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "data":
            raise
        raise MissingPackageError(
            f"data sets are read with packages that are not installed ({error.name}): "
            'pip install "ovseg-jax[train]"'
        ) from error


def _builder_config(module: ModuleType, data: DataConfig) -> Any:
    """Returns the builder config by name or as an object; None takes the builder's first."""
    if hasattr(module, "config_of_folder"):
        return module.config_of_folder(data.root, data.config)
    if not hasattr(module, "trees"):
        return data.config or None
    if data.root:
        return reader("states").config_of_state(module, data.root, data.config)
    return reader("states").prepared_config(module, data.prepared, data.config)


@contextlib.contextmanager
def _naming_the_root(data: DataConfig) -> Iterator[None]:
    """Turns complaints about files that are missing or damaged into a `DataError`."""
    problem = reader("manual_files").ManualFileError
    try:
        yield
    except (problem, AssertionError) as error:
        # TFDS asserts that the folder exists, with the builder's instructions in the message.
        if isinstance(error, AssertionError) and "Manual directory" not in str(error):
            raise
        raise DataError(f"data.root: {data.root or 'not given'}: {error}") from error


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Keeps back what TFDS warns of where a config is an object, as those of folders are."""

    def is_news(note: logging.LogRecord) -> bool:
        return not note.getMessage().startswith("Using custom data configuration")

    logger = logging.getLogger("absl")
    logger.addFilter(is_news)
    try:
        yield
    finally:
        logger.removeFilter(is_news)
