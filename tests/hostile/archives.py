"""Archives and tables of arrays whose headers lie."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.convert.open_clip_files import random, toy_clip
from tests.convert.torch_files import mapping, name, save, sequence, tensor, text, write

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\r"
"""Clears a terminal, names its window, paints red, and writes over the line."""


def torch_archives(folder: Path, trace: Path) -> None:
    """Writes zip files as `torch.save` and TorchScript make them."""
    four = {"0": np.zeros(4, np.float32)}
    wide = tensor("0", "float32", (45_000, 45_000), (0, 0), count=4)
    cases = {
        "stride_zero": mapping({"visual.proj": wide}),
        "huge_beside_nothing": mapping({"x": tensor("0", "float32", (0, 2**61), (1, 1), count=4)}),
        "many_axes": mapping({"x": tensor("0", "float32", (1,) * 70, (0,) * 70, count=4)}),
        "negative": mapping({"x": tensor("0", "float32", (2,), (-1,), offset=3, count=4)}),
        "count": mapping({"x": tensor("0", "float32", (4,), (1,), count=2**40)}),
        "escapes": mapping({f"visual.{ESCAPES}": tensor("0", "float32", (4,), count=4)}),
        "long_name": mapping({"v" * 1_000_000: tensor("0", "float32", (4,), count=4)}),
    }
    for way, content in cases.items():
        write(folder / f"torch_{way}.pth", content, four)
    save(folder / f"torch_{ESCAPES}.pth", {f"{ESCAPES}x": np.zeros(3, np.float32)})
    module = name("__torch__.evil", "Module") + b")\x81"
    call = name("os", "system") + sequence([text(f"touch {trace}")]) + b"R"
    script = {"constants__pkl": b"\x80\x02).", "code/model__py": f"open({str(trace)!r})".encode()}
    itself = module + b"q\x00}(" + text("a") + b"h\x00" + text("b") + b"h\x00ub"
    write(folder / "script_call.pt", module + b"}(" + text("a") + call + b"ub", {}, **script)
    write(folder / "script_itself.pt", itself, {}, **script)
    write(folder / "bomb_in_pickle.pth", text("x" * 300_000_000), {}, compressed=True)
    with zipfile.ZipFile(folder / "two_pickles.pth", "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}.")
        archive.writestr("b/data.pkl", b"\x80\x02}.")
    whole = (folder / "torch_escapes.pth").read_bytes()
    (folder / "torch_cut.pth").write_bytes(whole[: len(whole) // 2])
    (folder / "torch_no_zip.pth").write_bytes(b"PK\x03\x04" + bytes(200))


def safetensors(folder: Path) -> None:
    """Writes `.safetensors` whose headers lie."""

    def entry(kind: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
        return {"dtype": kind, "shape": shape, "data_offsets": offsets}

    headers = {
        "overlap": json.dumps({"a": entry(), "b": entry(offsets=(4, 12))}),
        "beyond": json.dumps({"a": entry(shape=(2**40,), offsets=(0, 2**42))}),
        "backwards": json.dumps({"a": entry(offsets=(8, 0))}),
        "negative": json.dumps({"a": entry(shape=(-2,), offsets=(0, 8))}),
        "huge_beside_nothing": json.dumps({"visual.proj": entry(shape=(0, 2**47), offsets=(0, 0))}),
        "float_shape": json.dumps({"a": entry(shape=(2.0,))}),
        "text_shape": json.dumps({"a": entry(shape="2")}),
        "list_type": json.dumps({"a": entry(kind=["F32"])}),
        "eight_bits": json.dumps({"a": entry("F8_E4M3", (8,))}),
        "no_entry": json.dumps({"a": None, "b": 3, "c": [1]}),
        "deep": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
        "digits": '{"a": {"dtype": "F32", "shape": [' + "9" * 10_000 + "]}}",
        "nan": '{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, Infinity]}}',
        "twice": '{"a": ' + json.dumps(entry()) + ', "a": ' + json.dumps(entry()) + "}",
        "escapes": json.dumps({f"visual.{ESCAPES}": entry()}),
        "brackets": '{"a": [' + "[]," * 1_000_000 + "[]]}",
        "no_table": "[1, 2]",
    }
    for way, header in headers.items():
        data = header.encode()
        content = len(data).to_bytes(8, "little") + data + bytes(16)
        (folder / f"{way}.safetensors").write_bytes(content)
    (folder / "length.safetensors").write_bytes((2**62).to_bytes(8, "little") + b'{"a": 1}')


def known_names(folder: Path) -> None:
    """Writes tensors of other ranks under the names that sizes are read from."""
    for rank in (0, 1, 6):
        tensors = {name: np.zeros((1,) * rank, np.float32) for name in toy_clip()}
        save(folder / f"rank{rank}.pth", tensors)
    bad = random(toy_clip()) | {"ln_final.bias": np.full(96, np.nan, np.float32)}
    save(folder / "nan.pth", bad)
    save(folder / "surplus.pth", random(toy_clip()) | {f"a{ESCAPES}": np.zeros(3, np.float32)})


def arrays(folder: Path, trace: Path) -> None:
    """Writes `.npz` and `.npy` files whose headers lie."""
    for way, member in array_members(trace):
        with zipfile.ZipFile(folder / f"{way}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("img/embedding/kernel.npy", member)
    with zipfile.ZipFile(folder / "twice.npz", "w") as archive:
        archive.writestr("a.npy", npy("(2,)", bytes(8)))
        archive.writestr("a.npy", npy("(2,)", bytes(8)))
    with zipfile.ZipFile(folder / "escapes.npz", "w") as archive:
        archive.writestr(f"{ESCAPES}.npy", npy("(2,)", bytes(8)))
    whole = (folder / "terabytes.npz").read_bytes()
    (folder / "encrypted.npz").write_bytes(whole.replace(b"\x14\x00\x00\x00", b"\x14\x00\x01\x00"))
    (folder / "single.npy").write_bytes(npy("(2,)", bytes(8)))


def array_members(trace: Path) -> Iterator[tuple[str, bytes]]:
    """Yields members of an archive of arrays."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([Evil(trace)], object), allow_pickle=True)
    yield "objects", buffer.getvalue()
    yield "terabytes", npy("(1099511627776,)", bytes(8))
    yield "many_bytes", npy("(250000000,)", bytes(1_000_000_000))
    yield "no_array", b"hello"
    yield "cut", npy("(100,)", bytes(8))
    yield "expression", npy(f"open({str(trace)!r}, 'w')", bytes(8))
    yield "negative", npy("(-3,)", bytes(8))
    yield "version", b"\x93NUMPY\x09\x00" + bytes(20)
    yield "deep", npy("(" * 3000 + ")" * 3000, bytes(8))
    yield "inner_type", npy("(2,)", bytes(8), "('<f4', (1099511627776,))")


class Evil:
    """Pickles to a call that leaves a file behind."""

    def __init__(self, trace: Path):
        """Remembers the file."""
        self.trace = trace

    def __reduce__(self) -> tuple:
        import os

        return os.system, (f"touch {self.trace}",)


def npy(shape: str, data: bytes, kind: str = "'<f4'") -> bytes:
    """Returns an array of NumPy with a header as it is given."""
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header + data


def write_all(folder: Path, trace: Path) -> None:
    """Writes all of them."""
    torch_archives(folder, trace)
    safetensors(folder)
    known_names(folder)
    arrays(folder, trace)
    others = {
        "empty.bin": b"",
        "noise.bin": bytes(range(1, 256)) * 40,
        "page.html": b"<!DOCTYPE html><script>1</script>",
        "model.gguf": b"GGUF" + bytes(40),
        "shell.pth": f"#!/bin/sh\ntouch {trace}\n".encode(),
        "outside.index.json": json.dumps({"weight_map": {"a": "../../etc/passwd"}}).encode(),
        "device.index.json": json.dumps({"weight_map": {"a": "/dev/zero"}}).encode(),
        "deep.index.json": b'{"weight_map":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    }
    for file, content in others.items():
        (folder / file).write_bytes(content)


def one_member(path: Path, member: str, content: bytes) -> None:
    """Writes an archive of one array."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
