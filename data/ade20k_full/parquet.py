"""The copy of the full ADE20K in parquet files, as on Hugging Face: a row per photo."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from etils import epath
from PIL import Image, UnidentifiedImageError

from data.manual_files import ManualFileError
from ovseg_jax.foundation.errors import MissingPackageError

COLUMNS = ("image", "segmentations", "filename")
ROWS_AT_ONCE = 16


def parquet_files(place: epath.Path, split: str) -> list[epath.Path]:
    """Returns the files of a split, `<split>-*.parquet`, in the folder or in its `data`."""
    return sorted(
        path
        for folder in (place, place / "data")
        if folder.is_dir()
        for path in folder.glob(f"{split}-*.parquet")
    )


def count_rows(files: list[epath.Path]) -> int:
    """Returns how many photos the files hold."""
    return sum(_opened(path).metadata.num_rows for path in files)


def read_rows(files: list[epath.Path]) -> Iterator[tuple[str, bytes, np.ndarray]]:
    """Reads the photos one by one.

    Yields:
        A photo's name without ending, its file, and the colours of its map, uint8 [H, W, 3].

    Raises:
        ManualFileError: A file is damaged or has other columns, or a photo and its map do not fit.
        MissingPackageError: pyarrow is not installed.
    """
    for path in files:
        file = _opened(path)
        if missing := [name for name in COLUMNS if name not in file.schema_arrow.names]:
            raise ManualFileError(
                f"{path}: has no column {missing[0]!r}; found {', '.join(file.schema_arrow.names)}"
            )
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(COLUMNS)):
            for row in batch.to_pylist():
                yield _photo(row, path)


def _photo(row: dict[str, Any], path: epath.Path) -> tuple[str, bytes, np.ndarray]:
    """The first segmentation is of objects, those behind it are of their parts."""
    name = str(row["filename"]).removesuffix(".jpg")
    try:
        photo, colors = row["image"]["bytes"], row["segmentations"][0]["bytes"]
        with Image.open(io.BytesIO(photo)) as image, Image.open(io.BytesIO(colors)) as drawn:
            image.load()
            size, mode, pixels = image.size, drawn.mode, np.asarray(drawn)
    except (TypeError, KeyError, IndexError, UnidentifiedImageError, OSError) as error:
        raise ManualFileError(f"{path}: {name}: photo or map cannot be read: {error}") from error
    if mode != "RGB" or pixels.shape[1::-1] != size:
        raise ManualFileError(
            f"{path}: {name}: its map should be RGB of {size[1]} x {size[0]} pixels, found {mode} "
            f"of {pixels.shape[0]} x {pixels.shape[1]}"
        )
    return name, photo, pixels


def _opened(path: epath.Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError(
            f"{path}: parquet files are read with pyarrow: pip install pyarrow"
        ) from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ManualFileError(f"{path}: is no parquet file: {error}") from error
