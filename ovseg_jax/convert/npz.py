"""Reads NumPy's `.npz` files, big_vision's checkpoints among them; pickled arrays are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np

from ovseg_jax.convert.torch_zip import ReadError


def is_npz(path: Path) -> bool:
    """Whether a zip file holds arrays of NumPy and nothing else."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a `.npz` file by name.

    NumPy does not know bfloat16 and stores it as two bytes without meaning, as big_vision does;
    such arrays come out as bfloat16.

    Raises:
        ReadError: The file is damaged, or holds pickled objects.
    """
    tensors = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                tensors[name] = _number(archive[name], name)
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from error
    except ValueError as error:
        raise ReadError(
            f"{path}: {name} cannot be read: {error} (pickled objects are refused; nothing was "
            "executed)"
        ) from error
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise ReadError(f"{path} is damaged or incomplete: {error}") from error
    return tensors


def _number(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.dtype("V2"):
        return array.view(ml_dtypes.bfloat16)
    if array.dtype.kind not in "fiub":
        raise ReadError(f"{name} is of type {array.dtype}, which holds no plain numbers")
    return array
