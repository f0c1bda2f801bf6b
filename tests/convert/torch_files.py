"""Writes files as `torch.save` does, byte by byte, so that the tests need no torch."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np

from ovseg_jax.convert.reading.checkpoint_file import read_checkpoint

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage"}
STORAGES |= {"float64": "DoubleStorage", "int64": "LongStorage"}


def write(path: Path, content: bytes, storages: dict[str, np.ndarray], **options) -> Path:
    """Writes a zip file with a pickle and storages; further entries as keywords of bytes."""
    compression = zipfile.ZIP_DEFLATED if options.pop("compressed", False) else 0
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + content + b".")
        for key, array in storages.items():
            archive.writestr(f"archive/data/{key}", array.tobytes())
        for name, data in options.items():
            archive.writestr(f"archive/{name.replace('__', '.')}", data)
    return path


def save(path: Path, tensors: dict[str, np.ndarray], wrap: str = "", **options) -> Path:
    """Writes a state dict the way `torch.save` does, optionally one level down."""
    entries = {
        name: tensor(str(index), array.dtype.name, array.shape)
        for index, (name, array) in enumerate(tensors.items())
    }
    content = mapping(entries)
    if wrap:
        content = mapping({wrap: content, "iteration": number(7)})
    storages = {str(index): array for index, array in enumerate(tensors.values())}
    return write(path, content, storages, **options)


def tensor(key: str, dtype: str, shape: tuple, stride: tuple | None = None, **options) -> bytes:
    """Returns the opcodes of one tensor; stride and offset in elements."""
    if stride is None:
        stride = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    count = options.get("count", int(np.prod(shape)))
    parts = [text("storage"), name("torch", STORAGES[dtype]), text(key), text("cpu"), number(count)]
    storage = sequence(parts) + b"Q"
    numbers = [sequence(map(number, shape)), sequence(map(number, stride))]
    hooks = name("collections", "OrderedDict") + b")R"
    arguments = [storage, number(options.get("offset", 0)), *numbers, b"\x89", hooks]
    return name("torch._utils", "_rebuild_tensor_v2") + sequence(arguments) + b"R"


def mapping(entries: dict[str, bytes]) -> bytes:
    """Returns the opcodes of an OrderedDict, with the attribute that torch adds."""
    items = b"".join(text(key) + value for key, value in entries.items())
    state = b"}(" + text("_metadata") + number(1) + b"u"
    return name("collections", "OrderedDict") + b")R(" + items + b"u" + state + b"b"


def sequence(parts) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    return f"I{value}\n".encode()


def read_tensors(path):
    """What `convert` reads of a file."""
    return read_checkpoint(path).tensors
