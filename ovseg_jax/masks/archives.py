"""NumPy archives of masks; every member's header is checked before memory is taken."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import FileMasks, Subject, empty_masks, wrong_size

COLUMNS = {"scores": "fiu", "labels": "iu", "names": "US"}
"""Arrays beside the masks, one value per mask, and the kinds of type that each may have."""
MAX_ITEM = 4096
"""Bytes of one value; longer names are not names."""


@dataclasses.dataclass(frozen=True)
class Member:
    """What the header of an array says."""

    shape: tuple[int, ...]
    dtype: np.dtype
    columns_first: bool


def read_archive(path: Path, subject: Subject) -> FileMasks:
    """Reads `masks` [q, height, width], and `scores`, `labels` and `names` if they are there.

    Raises:
        MasksError: The file is damaged, holds something else, or masks of another size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, archive, subject)
    except MasksError:
        raise
    except Exception as error:  # zipfile and NumPy raise exceptions of every kind for damage
        raise MasksError(f"{path}: not a readable .npz of plain arrays ({error})") from error


def _read(path: Path, archive: zipfile.ZipFile, subject: Subject) -> FileMasks:
    members = [name.removesuffix(".npy") for name in archive.namelist()]
    if "masks" not in members:
        raise MasksError(f"{path}: has no array 'masks', only {sorted(members)[:9]}")
    with archive.open("masks.npy") as file:
        masks = _read_masks(path, file, subject)
    columns = {}
    for name, kinds in COLUMNS.items():
        if name in members:
            with archive.open(f"{name}.npy") as file:
                columns[name] = _read_column(path, file, name, kinds, len(masks))
    names = columns.get("names")
    return FileMasks(
        masks=masks,
        scores=columns.get("scores"),
        labels=columns.get("labels"),
        names=None if names is None else tuple(_text(name) for name in names),
        sources=tuple(f"{path.name} masks[{index}]" for index in range(len(masks))),
    )


def _header(path: Path, file: IO[bytes], name: str) -> Member:
    version = np.lib.format.read_magic(file)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is None:
        raise MasksError(f"{path}: {name!r} is of version {version} of NumPy's format, not 1 or 2")
    shape, columns_first, dtype = reader(file)
    if dtype.hasobject:
        raise MasksError(f"{path}: {name!r} holds objects, not plain arrays; none was loaded")
    return Member(shape, dtype, columns_first)


def _read_masks(path: Path, file: IO[bytes], subject: Subject) -> np.ndarray:
    member = _header(path, file, "masks")
    if member.shape == (0,):  # np.array([]) of a photo without masks
        return empty_masks(0, subject.size, str(path))
    if len(member.shape) != 3:
        raise MasksError(f"{path}: 'masks' has shape {member.shape}, not [masks, height, width]")
    if member.shape[1:] != subject.size:
        raise MasksError(f"{path}: {wrong_size(repr('masks'), member.shape[1:], subject.size)}")
    if member.dtype.kind not in "biuf" or member.dtype.itemsize > 8:
        raise MasksError(f"{path}: 'masks' is of type {member.dtype}, not bool")
    empty_masks(member.shape[0] * member.dtype.itemsize, subject.size, f"{path}: 'masks'")
    values = _content(path, file, member, "masks")
    inside = values != 0
    others = np.unique(values[inside]) if values.dtype != bool else ()
    if len(others) > 1 or (len(others) == 1 and others[0] not in (1, 255)):
        raise MasksError(f"{path}: 'masks' holds values other than 0 and 1 (or 0 and 255)")
    return inside


def _read_column(path: Path, file: IO[bytes], name: str, kinds: str, count: int) -> np.ndarray:
    member = _header(path, file, name)
    if member.shape != (count,):
        raise MasksError(f"{path}: {name!r} has shape {member.shape}, not ({count},)")
    if member.dtype.kind not in kinds or member.dtype.itemsize > MAX_ITEM:
        raise MasksError(f"{path}: {name!r} is of type {member.dtype}")
    return _content(path, file, member, name)


def _content(path: Path, file: IO[bytes], member: Member, name: str) -> np.ndarray:
    """Reads what the header promises; the member must hold exactly as much."""
    needed = int(np.prod(member.shape, dtype=object)) * member.dtype.itemsize
    content = file.read(needed)
    if len(content) != needed or file.read(1):
        raise MasksError(f"{path}: {name!r} holds another number of bytes than it says ({needed})")
    flat = np.frombuffer(content, member.dtype)
    return flat.reshape(member.shape, order="F" if member.columns_first else "C")


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
