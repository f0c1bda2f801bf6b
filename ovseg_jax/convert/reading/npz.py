"""Reads NumPy's `.npz` files, big_vision's checkpoints among them; pickled arrays are refused."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, NamedTuple

import ml_dtypes
import numpy as np

from ovseg_jax.convert.reading.bounds import check_described, check_shape
from ovseg_jax.convert.reading.inert import ReadError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class _Member(NamedTuple):
    """What the header of an array says, and where the array is."""

    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype


def is_npz(path: Path) -> bool:
    """Whether a zip file holds arrays of NumPy and nothing else."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a `.npz` file by name.

    All headers are looked at before the first array is: what they declare must follow from the
    size of the file. NumPy does not know bfloat16 and stores it as two bytes without meaning, as
    big_vision does; such arrays come out as bfloat16.

    Raises:
        ReadError: The file is damaged, describes more than it can hold, or holds pickled objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive)
            shapes = {name: member.shape for name, member in members.items()}
            check_described(shapes, path.stat().st_size)
            return {name: _array(archive, name, member) for name, member in members.items()}
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise ReadError(f"{path} is damaged or incomplete: {error}") from error
    except (ValueError, RuntimeError) as error:  # encrypted, or of a compression not known
        raise ReadError(f"{path} cannot be read: {error}") from error


def _members(archive: zipfile.ZipFile) -> dict[str, _Member]:
    members: dict[str, _Member] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in members:
            raise ReadError(f"it holds {name} twice")
        with archive.open(info) as stream:
            members[name] = _header(stream, name, info)
    return members


def _header(stream: IO[bytes], name: str, info: zipfile.ZipInfo) -> _Member:
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ReadError(f"{name} is of version {version} of NumPy's format, which is not read")
        shape, fortran, dtype = _HEADERS[version](stream)
    except ReadError:
        raise
    except Exception as error:  # the header is a Python literal, which can fail in many ways
        raise ReadError(f"{name} is no array of NumPy: {error}") from error
    if dtype.hasobject:
        raise ReadError(f"{name} holds pickled objects, which are refused; nothing was executed")
    if dtype.kind not in "fiub" and dtype != np.dtype("V2"):
        raise ReadError(f"{name} is of type {dtype}, which holds no plain numbers")
    return _Member(info, check_shape(shape, name), fortran, dtype)


def _array(archive: zipfile.ZipFile, name: str, member: _Member) -> np.ndarray:
    """Reads one array, whose size the header told."""
    count = math.prod(member.shape)
    with archive.open(member.info) as stream:
        _header(stream, name, member.info)
        data = stream.read(count * member.dtype.itemsize)
    if len(data) != count * member.dtype.itemsize:
        raise ReadError(f"{name} {member.shape} is cut off")
    array = np.frombuffer(data, member.dtype, count)
    array = array.view(ml_dtypes.bfloat16) if member.dtype == np.dtype("V2") else array
    return array.reshape(member.shape, order="F" if member.fortran else "C")
