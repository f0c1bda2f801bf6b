"""Reads the zip files that `torch.save` and TorchScript write, without torch, running nothing.

The pickle inside may name only the few functions and types that a dict of tensors needs, and each
of those names stands for something of ours here: a checkpoint cannot reach any other code. Tensor
data is mapped, not read. A TorchScript archive, such as OpenAI published, is a program beside its
tensors; only the tensors are looked at.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from ovseg_jax.convert.reading.inert import InertUnpickler, ReadError, StandIn, ordered, reason
from ovseg_jax.convert.reading.quantised import FULL_PRECISION

_MODULES, _LONGEST_NAME = 500_000, 1_000
"""So many attributes a program may have, and letters a name: shared parts could make billions."""


class _StorageType(NamedTuple):
    """Stands for `torch.FloatStorage` and its sisters."""

    dtype: np.dtype


class _Storage(NamedTuple):
    """The flat, mapped values behind one or more tensors."""

    values: np.ndarray


_STORAGE_TYPES = {
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "DoubleStorage": np.float64,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> np.ndarray:
    """Returns a view of a storage; every number is checked, since strides could point outside."""
    numbers = (offset, *size, *stride)
    whole = all(type(number) is int and 0 <= number < 2**62 for number in numbers)
    if not (isinstance(storage, _Storage) and whole and len(size) == len(stride)):
        raise ReadError("a tensor has a malformed description")
    values = storage.values
    empty = 0 in size
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if not empty and last >= values.size:
        raise ReadError(f"a tensor of {size} reaches beyond its storage of {values.size} values")
    if empty:
        return np.zeros(size, values.dtype)
    steps = [step * values.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(values[offset:], size, steps, writeable=False)


def _first(data: Any, *_: Any) -> Any:
    """Stands for functions that wrap a tensor or a list and change nothing in it."""
    return data


class _Module(StandIn):
    """Stands for an object of a TorchScript program: attributes, no behaviour."""


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): ordered,
    ("argparse", "Namespace"): StandIn,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _first,
    **{("torch", name): _StorageType(np.dtype(dtype)) for name, dtype in _STORAGE_TYPES.items()},
    **{
        ("torch.jit._pickle", name): _first
        for name in (
            *("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist"),
            "restore_type_tag",
        )
    },
}
_PROGRAM = "__torch__"
"""Names of a TorchScript program's own classes begin with this; each becomes a `_Module`."""


_UNTYPED = {"UntypedStorage", "_rebuild_tensor_v3"}
_QUANTISED = {"_rebuild_qtensor", "QInt8Storage", "QUInt8Storage", "QInt32Storage"}
_OTHER_TYPES = ("float8", "float4", "uint16", "uint32", "uint64", "complex")


class _TensorUnpickler(InertUnpickler):
    """Finds storages; names the types of tensors that are not read."""

    def __init__(self, pickled: bytes, storages: Mapping[str, np.ndarray]):
        super().__init__(io.BytesIO(pickled), len(pickled), _ALLOWED)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == _PROGRAM:
            return _Module
        if module.split(".")[0] == "torch" and name in _QUANTISED:
            raise ReadError(f"its tensors are quantised (torch.{name}); {FULL_PRECISION}")
        if module == "torch" and name.startswith(_OTHER_TYPES):
            raise ReadError(f"it has tensors of torch.{name}, which is not read; {FULL_PRECISION}")
        if module.split(".")[0] == "torch" and name in _UNTYPED:
            return StandIn  # the type that follows tells what it is
        return super().find_class(module, name)

    def persistent_load(self, reference: Any) -> Any:
        kind, storage_type, key, _, count = reference
        if storage_type is StandIn:
            return StandIn()
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            raise ReadError(f"it refers to a {kind!r} of an unknown type")
        raw = self._storages.get(str(key))
        if raw is None or type(count) is not int or count < 0:
            raise ReadError(f"the data of storage {key!r} is missing")
        size = count * storage_type.dtype.itemsize
        if size > raw.size:
            raise ReadError(f"storage {key!r} has {raw.size} bytes instead of {size}")
        return _Storage(raw[:size].view(storage_type.dtype))


def read_torch_zip(path: Path) -> Any:
    """Returns what was saved, with tensors as read-only NumPy arrays mapped from the file.

    The tensors of a TorchScript archive come as the dict that its `state_dict()` would return.

    Raises:
        ReadError: The file is damaged, or asks for code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {info.filename: info for info in archive.infolist()}
        mapped = np.memmap(path, np.uint8, "r")
        root = _root(mapped, entries)
        storages = _map_storages(mapped, entries, f"{root}data/")
        pickled = bytes(_entry_bytes(mapped, entries[f"{root}data.pkl"]))
        content = _TensorUnpickler(pickled, storages).load()
        return _tensors_of(content) if isinstance(content, _Module) else content
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from error
    except (zipfile.BadZipFile, struct.error, OSError) as error:
        raise ReadError(f"{path} is damaged or incomplete: {error}") from error
    except Exception as error:  # a crafted pickle can fail in any way; it must fail cleanly
        raise ReadError(f"{path}: {reason(error)}") from error


def _root(mapped: np.ndarray, entries: Mapping[str, zipfile.ZipInfo]) -> str:
    """Returns the folder inside the archive that holds `data.pkl`."""
    roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("data.pkl")]
    if len(roots) != 1:
        raise ReadError("it is a zip file, but not one that torch.save wrote (no data.pkl)")
    order = entries.get(f"{roots[0]}byteorder")
    if order is not None and bytes(_entry_bytes(mapped, order)[:10]) != b"little":
        raise ReadError("it was written on a big-endian machine; save it again")
    return roots[0]


def _tensors_of(program: _Module) -> dict[str, np.ndarray]:
    """Names the tensors of a tree of modules by their attributes."""
    tensors: dict[str, np.ndarray] = {}
    waiting, seen = [("", program)], 0
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, np.ndarray):
            tensors[name.removeprefix(".")] = value
        elif isinstance(value, _Module) and isinstance(value.state, Mapping):
            parts = list(value.state.items())
            waiting += [(f"{name}.{inner}", part) for inner, part in reversed(parts)]
        seen += 1
        if seen > _MODULES or len(name) > _LONGEST_NAME:
            raise ReadError("its modules hold each other, which no model does")
    return tensors


def _map_storages(
    mapped: np.ndarray, entries: Mapping[str, zipfile.ZipInfo], folder: str
) -> dict[str, np.ndarray]:
    """Maps every stored entry under a folder as bytes, by the rest of its name."""
    return {
        name.removeprefix(folder): _entry_bytes(mapped, info)
        for name, info in entries.items()
        if name.startswith(folder)
    }


def _entry_bytes(mapped: np.ndarray, info: zipfile.ZipInfo) -> np.ndarray:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ReadError("its tensors are compressed; save it again with torch.save")
    header = bytes(mapped[info.header_offset : info.header_offset + 30])
    name_length, extra_length = struct.unpack("<26xHH", header)
    start = info.header_offset + 30 + name_length + extra_length
    if start + info.file_size > mapped.size:
        raise ReadError(f"{info.filename} ends beyond the file")
    return mapped[start : start + info.file_size]
