"""Checkpoint files to named arrays: tensors only, nothing in a file is ever executed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import tarfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from ovseg_jax.convert.npz import is_npz, read_npz
from ovseg_jax.convert.pickles import read_pickle
from ovseg_jax.convert.torch_zip import ReadError, read_torch_zip

_WRAPPERS = ("model", "state_dict", "model_state_dict")
_PREFIXES = ("module.", "model.", "clip_model.", "clip.")
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file, and what was found on the way to them.

    Attributes:
        tensors: Arrays by name, in the order of the file; floats as float32.
        dtypes: How many tensors were stored in which type.
        prefix: What stood in front of all names and was taken off.
    """

    tensors: dict[str, np.ndarray]
    dtypes: dict[str, int]
    prefix: str


def read_tensors(path: Path | str) -> dict[str, np.ndarray]:
    """Reads the tensors of a checkpoint; see `read_checkpoint`."""
    return read_checkpoint(path).tensors


def read_checkpoint(path: Path | str) -> Checkpoint:
    """Reads a checkpoint: its content decides, not its suffix.

    `.safetensors`; zip files of `torch.save` (PyTorch 1.6 or newer) and TorchScript; detectron2's
    `.pkl`; NumPy's `.npz`. A level called "model" or "state_dict" is taken off, and so are
    prefixes of wrappers in front of all names. Float tensors of another precision become float32;
    float32 ones stay mapped from disk where the format allows it.

    Raises:
        ReadError: The file is missing, of another kind, damaged, or asks for code.
    """
    path = Path(path)
    if not path.is_file():
        raise ReadError(f"{path} is not a file")
    found = _read(path)
    dtypes = dict(Counter(array.dtype.name for array in found.values()))
    tensors, prefix = _without_prefix(found)
    tensors = {name: _as_float32(array) for name, array in tensors.items()}
    return Checkpoint(tensors=tensors, dtypes=dtypes, prefix=prefix)


def _read(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"PK"):
        if is_npz(path):
            return read_npz(path)
        return _state_dict(read_torch_zip(path), path)
    if start[8:9] == b"{":
        return _read_safetensors(path)
    if start[:1] == b"\x80":
        return _state_dict(read_pickle(path), path)
    raise ReadError(f"{path} {_what_else(path, start)}")


def file_hash(path: Path | str) -> str:
    """Returns the sha256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _what_else(path: Path, start: bytes) -> str:
    """Says what an unreadable file is and what to do about it."""
    if not start:
        return "is empty"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer; fetch the file that it stands for"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "is a web page; the download went wrong"
    advice = "load it with PyTorch 1.6 or newer and save its state dict again"
    if tarfile.is_tarfile(path):
        return f"is a tar file of an old PyTorch, which is not read; {advice}"
    return "is no safetensors file, no zip file of torch.save, no .npz and no pickle of arrays"


def _state_dict(content: Any, path: Path) -> dict[str, np.ndarray]:
    """Finds the dict of tensors inside what was saved."""
    while isinstance(content, Mapping):
        inner = next((k for k in _WRAPPERS if isinstance(content.get(k), Mapping)), None)
        if inner is None:
            break
        content = content[inner]
    entries = content.items() if isinstance(content, Mapping) else ()
    tensors = {name: value for name, value in entries if isinstance(value, np.ndarray)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        raise ReadError(f"{path} holds no dict of tensors, but a {type(content).__name__}")
    return tensors


def _without_prefix(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], str]:
    """Takes off what wrappers leave in front of all names, one after another."""
    removed, result = "", dict(tensors)
    while result and (prefix := _common_prefix(result)):
        result = {name.removeprefix(prefix): array for name, array in result.items()}
        removed += prefix
    return result, removed


def _common_prefix(names: Iterable[str]) -> str:
    """Returns the wrapper's prefix that all names begin with, or nothing."""
    return next((p for p in _PREFIXES if all(name.startswith(p) for name in names)), "")


def _as_float32(array: np.ndarray) -> np.ndarray:
    is_float = array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16
    return array.astype(np.float32, copy=False) if is_float else array


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    mapped = np.memmap(path, np.uint8, "r")
    length = int.from_bytes(bytes(mapped[:8]), "little")
    if length > mapped.size - 8:
        raise ReadError(f"{path} is damaged or incomplete: its header ends beyond the file")
    try:
        header = json.loads(bytes(mapped[8 : 8 + length]))
        header.pop("__metadata__", None)
        data = mapped[8 + length :]
        return {name: _slice(data, name, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReadError(f"{path} is damaged or incomplete: {error}") from error


def _slice(data: np.ndarray, name: str, entry: Mapping[str, Any]) -> np.ndarray:
    if entry["dtype"] not in _DTYPES:
        raise ReadError(f"{name} is of type {entry['dtype']}, which is not read")
    dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
    start, end = entry["data_offsets"]
    if not 0 <= start <= end <= data.size or end - start != math.prod(shape) * dtype.itemsize:
        raise ReadError(f"the data of {name} {shape} is missing or of the wrong size")
    return data[start:end].view(dtype).reshape(shape)
