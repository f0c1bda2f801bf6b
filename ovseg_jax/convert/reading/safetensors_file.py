"""Reads `.safetensors` files, mapped from disk; the header is held to the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from ovseg_jax.convert.reading.bounds import check_shape
from ovseg_jax.convert.reading.inert import ReadError
from ovseg_jax.convert.reading.quantised import EIGHT_BIT_FLOATS, FULL_PRECISION
from ovseg_jax.disk.json_text import JsonError, parse_json

MAX_HEADER = 2**24
"""Bytes; a hundred thousand tensors need ten million."""
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


class _OtherType(ReadError):
    """A tensor is whole, but of a type that is not read."""


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a file by name, as read-only views of the disk.

    Raises:
        ReadError: The file is damaged, or of a type that is not read.
    """
    try:
        return _tensors(np.memmap(path, np.uint8, "r"))
    except _OtherType as error:
        raise ReadError(f"{path}: {error}") from error
    except (ReadError, JsonError) as error:
        raise ReadError(f"{path} is damaged or incomplete: {error}") from error


def _tensors(mapped: np.ndarray) -> dict[str, np.ndarray]:
    length = int.from_bytes(bytes(mapped[:8]), "little")
    if length > min(mapped.size - 8, MAX_HEADER):
        raise ReadError(f"its header of {length} bytes is too long, or ends beyond the file")
    header = parse_json(bytes(mapped[8 : 8 + length]), "its header")
    if not isinstance(header, dict):
        raise ReadError("its header is no table of tensors")
    header.pop("__metadata__", None)
    data = mapped[8 + length :]
    spans = {name: _span(name, entry, data.size) for name, entry in header.items()}
    _check_apart(spans)
    return {name: _view(data[slice(*spans[name])], header[name]) for name in header}


def _span(name: str, entry: Any, size: int) -> tuple[int, int]:
    """Returns where the data of a tensor begins and ends."""
    if not isinstance(entry, Mapping) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise ReadError(f"{name} lacks its type, shape or place")
    kind = entry["dtype"]
    if kind in list(EIGHT_BIT_FLOATS):
        raise _OtherType(f"{name} is of type {EIGHT_BIT_FLOATS[kind]} ({kind}); {FULL_PRECISION}")
    if kind not in list(_DTYPES):
        raise _OtherType(f"{name} is of type {str(kind)[:20]}, which is not read")
    shape = check_shape(entry["shape"], name)
    offsets = check_shape(entry["data_offsets"], name)
    wanted = math.prod(shape) * np.dtype(_DTYPES[kind]).itemsize
    if len(offsets) != 2 or offsets[1] > size or offsets[1] - offsets[0] != wanted:
        raise ReadError(f"the data of {name} {shape} is missing or of the wrong size")
    return offsets[0], offsets[1]


def _check_apart(spans: Mapping[str, tuple[int, int]]) -> None:
    """Refuses two tensors that share bytes."""
    filled = sorted((span, name) for name, span in spans.items() if span[0] < span[1])
    for (before, one), (after, other) in zip(filled, filled[1:], strict=False):
        if after[0] < before[1]:
            raise ReadError(f"{one} and {other} share bytes")


def _view(data: np.ndarray, entry: Mapping[str, Any]) -> np.ndarray:
    return data.view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
