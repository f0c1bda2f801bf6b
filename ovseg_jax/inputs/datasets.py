"""Finding, preparing and opening the TFDS builders of the top-level `data/` folder.

Records are prepared as ArrayRecord files, so that any example can be read by its number: the
training stream needs that to be a pure function of (seed, step).
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ovseg_jax.config import DataConfig
from ovseg_jax.errors import OvsegError

# TensorFlow only reads data here; its notes about processors would drown ours.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


class DataError(OvsegError, ValueError):
    """A data set is missing or is not what its config says."""


def open_split(data: DataConfig) -> Sequence[dict[str, Any]]:
    """Opens a split for random access, preparing the data set the first time.

    Returns:
        A sequence of examples: "image" and "segment_ids" as encoded bytes, "categories" int64
        [segments], "captions" [texts] as bytes, "file_name" bytes.

    Raises:
        DataError: The data set or the split does not exist, or the split is empty.
    """
    import tensorflow_datasets as tfds

    builder = load_builder(data)
    skip = {"image": tfds.decode.SkipDecoding(), "segment_ids": tfds.decode.SkipDecoding()}
    try:
        source = builder.as_data_source(split=data.split, decoders=skip)
    except ValueError as error:
        known = ", ".join(builder.info.splits)
        raise DataError(
            f"data.split: {data.split!r} of {data.name}: {error}; known: {known}"
        ) from None
    if not len(source):
        raise DataError(f"data.split: {data.split!r} of {data.name} holds no example")
    return source if data.fraction == 1 else Subset(source, data.fraction, data.subset_seed)


class Subset(Sequence):
    """A random part of a sequence, in the sequence's own order."""

    def __init__(self, source: Sequence, fraction: float, seed: int):
        """Draws which items stay.

        Args:
            source: The whole.
            fraction: Share of the items that stay, above 0 and at most 1; at least one stays.
            seed: Of one seed, larger parts contain the smaller ones.

        Raises:
            DataError: The fraction is out of range.
        """
        if not 0 < fraction <= 1:
            raise DataError(f"data.fraction is {fraction:g}; give a share above 0, at most 1")
        count = max(round(fraction * len(source)), 1)
        order = np.random.default_rng(seed).permutation(len(source))
        self.numbers = np.sort(order[:count])
        self._source = source

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._source[int(self.numbers[index])]


def load_builder(data: DataConfig) -> Any:
    """Returns the prepared builder of `data.name`.

    A builder that reads a folder of the user's own keeps the records of every folder apart: its
    module offers `config_of_folder(root, name)`, which names them after the folder's content.

    Raises:
        DataError: There is no such builder or config, or its files are missing or damaged.
    """
    import tensorflow_datasets as tfds

    module_name = f"data.{data.name}.{data.name}_dataset_builder"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not module_name.startswith(str(error.name)):
            raise
        raise DataError(
            f"data.name: no builder {module_name}; run from a checkout of the repository, whose "
            "data/ folder holds one folder per data set"
        ) from None
    arguments = {"file_format": "array_record"}
    if data.prepared:
        arguments["data_dir"] = data.prepared
    with _naming_the_root(data):
        arguments["config"] = _builder_config(module, data)
        builder = module.Builder(**arguments)
        download = tfds.download.DownloadConfig(manual_dir=data.root or None)
        builder.download_and_prepare(download_config=download, file_format="array_record")
    return builder


def _builder_config(module: Any, data: DataConfig) -> Any:
    """Returns the builder config by name or as an object; None takes the builder's first."""
    if hasattr(module, "config_of_folder"):
        return module.config_of_folder(data.root, data.config)
    known = module.Builder.builder_configs
    if data.config and data.config not in known:
        raise DataError(
            f"data.config: {data.name} has no config {data.config!r}; known: {', '.join(known)}"
        )
    return data.config or None


@contextlib.contextmanager
def _naming_the_root(data: DataConfig) -> Iterator[None]:
    """Turns complaints about files that are missing or damaged into a `DataError`."""
    from data.manual_files import ManualFileError

    try:
        yield
    except (ManualFileError, AssertionError) as error:
        # TFDS asserts that the folder exists, with the builder's instructions in the message.
        if isinstance(error, AssertionError) and "Manual directory" not in str(error):
            raise
        raise DataError(f"data.root: {data.root or 'not given'}: {error}") from error


def decode(example: dict[str, Any]) -> dict[str, np.ndarray]:
    """Decodes one record on the host, for evaluation.

    Returns:
        "image" uint8 [H, W, 3], "segment_ids" int32 [H, W], "categories" int32 [segments],
        "file_name" str.
    """
    import io

    from PIL import Image

    def pixels(key: str, mode: str | None = None) -> np.ndarray:
        picture = Image.open(io.BytesIO(example[key]))
        return np.asarray(picture.convert(mode) if mode else picture)

    return {
        "image": pixels("image", "RGB"),
        "segment_ids": pixels("segment_ids").astype(np.int32),
        "categories": np.asarray(example["categories"], np.int32),
        "file_name": bytes(example["file_name"]).decode(),
    }
