"""Checkpoint files to named arrays: tensors only, nothing in a file is ever executed."""

from __future__ import annotations

import dataclasses
import hashlib
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from ovseg_jax.convert.reading.bounds import check_described
from ovseg_jax.convert.reading.inert import ReadError
from ovseg_jax.convert.reading.levels import find_level
from ovseg_jax.convert.reading.names import plain_names
from ovseg_jax.convert.reading.npz import is_npz, read_npz
from ovseg_jax.convert.reading.pickles import read_pickle
from ovseg_jax.convert.reading.quantised import refuse_quantised
from ovseg_jax.convert.reading.safetensors_file import read_safetensors
from ovseg_jax.convert.reading.shards import file_in, read_index, read_shards
from ovseg_jax.convert.reading.torch_zip import read_torch_zip

_BLANK = b"\xef\xbb\xbf \r\n\t"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The tensors of a checkpoint, and what was found on the way to them.

    Attributes:
        tensors: Arrays by name, in the order of the file; floats as float32.
        dtypes: How many tensors were stored in which type.
        prefix: What stood in front of all names and was taken off.
        wrappers: What was taken off names wherever it stood in them.
        taken: Level of the file that they come from; empty for the top.
        others: Other sets of weights in the file, by what `which` calls them.
        left_out: Why everything else in the file was left out.
        files: The file, or the index and its shards.
    """

    tensors: dict[str, np.ndarray]
    dtypes: dict[str, int]
    prefix: str
    wrappers: tuple[str, ...]
    taken: str
    others: tuple[str, ...]
    left_out: dict[str, str]
    files: tuple[Path, ...]


def read_checkpoint(path: Path | str, which: str = "") -> Checkpoint:
    """Reads a checkpoint: its content decides, not its suffix.

    `.safetensors`; zip files of `torch.save` (PyTorch 1.6 or newer) and TorchScript; detectron2's
    `.pkl`; NumPy's `.npz`; the index of shards of the first two, or the folder that holds it.
    Levels around the model and what wrappers leave in names are taken off
    (`ovseg_jax.convert.reading.levels`, `.names`). Float tensors of another precision become
    float32; float32 ones stay mapped from disk where the format allows it. Memory is bounded by
    the size of the files.

    Args:
        path: The file or folder.
        which: The set of weights that is wanted, where a file has several; empty for the rule.

    Raises:
        ReadError: The file is missing, of another kind, damaged, or asks for code.
    """
    path = Path(path)
    path = file_in(path) if path.is_dir() else path
    if not path.is_file():
        raise ReadError(f"{path} is not a file")
    content, files = _read_all(path)
    try:
        level = find_level(content, which)
        shapes = {name: array.shape for name, array in level.tensors.items()}
        check_described(shapes, sum(file.stat().st_size for file in files))
        refuse_quantised(shapes)
        tensors, prefix, wrappers = plain_names(level.tensors)
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from error
    return Checkpoint(
        tensors={name: _as_float32(array) for name, array in tensors.items()},
        dtypes=dict(Counter(array.dtype.name for array in tensors.values())),
        prefix=prefix,
        wrappers=wrappers,
        taken=level.taken,
        others=level.others,
        left_out=level.left_out,
        files=files,
    )


def _read_all(path: Path) -> tuple[Any, tuple[Path, ...]]:
    """Returns what a checkpoint holds, and the files that it is."""
    with path.open("rb") as file:
        start = file.read(64)
    if _is_safetensors(start) or not start.lstrip(_BLANK).startswith(b"{"):
        return _read(path), (path,)
    shards = read_index(path)
    return read_shards(path, shards, _read_shard), (path, *dict.fromkeys(shards.values()))


def _read_shard(path: Path) -> dict[str, np.ndarray]:
    content = _read(path)
    entries = content.items() if isinstance(content, Mapping) else ()
    return {name: value for name, value in entries if isinstance(value, np.ndarray)}


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"PK"):
        return read_npz(path) if is_npz(path) else read_torch_zip(path)
    if _is_safetensors(start):
        return read_safetensors(path)
    if start[:1] == b"\x80":
        return read_pickle(path)
    raise ReadError(f"{path} {_what_else(path, start)}")


def _is_safetensors(start: bytes) -> bool:
    """Whether a file begins with a number of eight bytes and a header of JSON."""
    return start[8:9] == b"{" and b"\0" in start[:8]


def file_hash(path: Path | str) -> str:
    """Returns the sha256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_BEGINNINGS = {
    b"GGUF": "is a GGUF file, whose weights are quantised; take the file that it was made from",
    b"\x93NUMPY": "is a single array of NumPy; a checkpoint is an .npz of named ones",
    b"\x89HDF": "is an HDF5 file, which is not read; save its arrays as .safetensors",
    b"version https://git-lfs": "is a Git LFS pointer; fetch the file that it stands for",
}


def _what_else(path: Path, start: bytes) -> str:
    """Says what an unreadable file is and what to do about it."""
    if not start:
        return "is empty"
    for beginning, description in _BEGINNINGS.items():
        if start.startswith(beginning):
            return description
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "is a web page; the download went wrong"
    if _is_tar(path):
        return (
            "is a tar file of an old PyTorch, which is not read; load it with PyTorch 1.6 or "
            "newer and save its state dict again"
        )
    return "is no safetensors file, no zip file of torch.save, no .npz and no pickle of arrays"


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except Exception:  # a crafted header fails in many ways
        return False


def _as_float32(array: np.ndarray) -> np.ndarray:
    is_float = array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16
    with np.errstate(over="ignore"):  # infinities are found, and named, afterwards
        return array.astype(np.float32, copy=False) if is_float else array
