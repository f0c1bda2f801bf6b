"""Reads detectron2's `.pkl` files: pickled dicts of NumPy arrays, without running anything.

The pickle may name only what arrays are made of, and each of those names stands for something inert
here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ovseg_jax.convert.reading.inert import InertUnpickler, ReadError, StandIn, ordered, reason

LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How `torch.save` before 1.6 began: a pickle of its magic number."""


class _DType(StandIn):
    """Stands for `numpy.dtype` of plain numbers."""

    def __init__(self, code: Any, *_: Any):
        name = code.decode() if isinstance(code, bytes) else code
        try:
            dtype = np.dtype(name) if isinstance(name, str) else None
        except (TypeError, ValueError) as error:
            raise ReadError(f"an array of type {name!r} is not read") from error
        if dtype is None or dtype.kind not in "fiub":
            raise ReadError(f"an array of type {name!r} holds no plain numbers, so it is not read")
        self.dtype = dtype

    def __setstate__(self, state: tuple) -> None:
        order = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.dtype = self.dtype.newbyteorder(order if order in ("<", ">") else "=")


class _Array(StandIn):
    """Stands for an array while its state has not arrived."""

    values: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, fortran, data = state
        if isinstance(data, str):
            data = data.encode("latin1")
        if not isinstance(kind, _DType) or not isinstance(data, bytes | bytearray):
            raise ReadError("an array has a malformed description")
        self.values = _shaped(data, kind, shape, "F" if fortran else "C")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    if not isinstance(kind, _DType) or order not in ("C", "F"):
        raise ReadError("an array has a malformed description")
    array.values = _shaped(bytes(data), kind, shape, order)
    return array


def _shaped(
    data: bytes | bytearray, kind: _DType, shape: tuple[int, ...], order: Literal["C", "F"]
) -> np.ndarray:
    return np.frombuffer(data, kind.dtype).reshape(shape, order=order)


def _scalar(kind: _DType, data: Any) -> _Array:
    return _from_buffer(data.encode("latin1") if isinstance(data, str) else data, kind, (), "C")


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ReadError("a string of bytes has a malformed description")
    return text.encode("latin1")


def _no_bytes(*arguments: Any) -> bytes:
    """Stands for `bytes`, which Python 3 writes for an empty string of an old protocol."""
    if arguments:
        raise ReadError("a string of bytes has a malformed description")
    return b""


_CORES = ("numpy.core", "numpy._core")
_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): ordered,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    **{(f"{core}.multiarray", "_reconstruct"): _reconstruct for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): _scalar for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): _from_buffer for core in _CORES},
}


def read_pickle(path: Path) -> Any:
    """Returns what was pickled, with NumPy arrays in place.

    Raises:
        ReadError: The file is damaged, of PyTorch before 1.6, or asks for code.
    """
    with path.open("rb") as file:
        if file.read(len(LEGACY_TORCH)) == LEGACY_TORCH:
            raise ReadError(
                f"{path} was written by PyTorch before 1.6, which is not read; load it with a "
                "newer PyTorch and save its state dict again"
            )
        file.seek(0)
        try:
            size = os.fstat(file.fileno()).st_size
            return _finished(InertUnpickler(file, size, _ALLOWED).load(), {})
        except ReadError as error:
            raise ReadError(f"{path}: {error}") from error
        except Exception as error:  # a crafted pickle can fail in any way; it must fail cleanly
            raise ReadError(f"{path}: {reason(error)}") from error


def _finished(content: Any, done: dict[int, Any]) -> Any:
    """Puts arrays in place of their stand-ins; what is shared stays shared."""
    if isinstance(content, _Array):
        if content.values is None:
            raise ReadError("an array has no data")
        return content.values
    if not isinstance(content, Mapping):
        return content
    if id(content) not in done:
        done[id(content)] = finished = {}
        finished.update((name, _finished(value, done)) for name, value in content.items())
    return done[id(content)]
