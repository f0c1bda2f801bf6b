"""Pickles that would run a program, or fill the memory, if anything followed them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tests.convert.torch_files import mapping, name, number, sequence, text, write


def programs(trace: Path) -> Iterator[tuple[str, bytes]]:
    """Yields opcodes that each would make the file `trace`, by the way in which they do."""
    shell, python = text(f"touch {trace}"), text(f"open({str(trace)!r}, 'w')")
    calls = {
        "os": ("os", "system", [shell]),
        "posix": ("posix", "system", [shell]),
        "popen": ("os", "popen", [shell]),
        "subprocess": ("subprocess", "getoutput", [shell]),
        "eval": ("builtins", "eval", [python]),
        "exec": ("builtins", "exec", [python]),
        "python2": ("__builtin__", "eval", [python]),
        "open": ("builtins", "open", [text(str(trace)), text("w")]),
        "pathlib": ("pathlib", "Path.touch", [text(str(trace))]),
        "runpy": ("runpy", "_run_code", [python, b"}"]),
        "timeit": ("timeit", "timeit", [python]),
        "pty": ("pty", "spawn", [text("/bin/sh")]),
        "torch": ("torch.hub", "load", [text(str(trace))]),
        "numpy": ("numpy.testing._private.utils", "runstring", [python, b"}"]),
        "import": ("importlib", "import_module", [text("antigravity")]),
    }
    for way, (module, attribute, arguments) in calls.items():
        yield f"call_{way}", name(module, attribute) + sequence(arguments) + b"R"
    yield "call_by_stack", text("os") + text("system") + b"\x93" + sequence([shell]) + b"R"
    yield "call_by_inst", b"(" + shell + b"ios\nsystem\n"
    yield "call_by_obj", b"(" + name("os", "system") + shell + b"o"
    yield "call_by_newobj", name("os", "system") + sequence([shell]) + b"\x81"
    yield "call_by_newobj_ex", name("os", "system") + sequence([shell]) + b"}\x92"
    yield "call_by_extension", b"\x82\x01" + sequence([shell]) + b"R"
    chained = name("builtins", "getattr") + sequence([name("os", "path"), text("os")]) + b"R"
    yield "call_by_getattr", chained + sequence([shell]) + b"R"
    ordered = name("collections", "OrderedDict")
    yield "build_globals", ordered + b"}(" + text("__globals__") + b"}ub"
    yield "dotted_name", name("collections", "OrderedDict.__init__.__globals__")
    yield "attribute_by_state", ordered + b")R}(" + text("__reduce__") + shell + b"ub"


def floods() -> Iterator[tuple[str, bytes]]:
    """Yields opcodes that ask for far more memory or time than they have bytes."""
    yield "memo", text("x") + b"r" + struct.pack("<I", 2**31 - 2)
    yield "byte_array", b"\x96" + struct.pack("<Q", 2**33)
    yield "bytes", b"\x8e" + struct.pack("<Q", 2**33)
    yield "long", b"\x8b" + struct.pack("<i", 2**31 - 1)
    yield "digits", b"I" + b"9" * 100_000 + b"\n"
    yield "frame", b"\x95" + struct.pack("<Q", 2**62)
    yield "nested_key", b"}" + b")" + b"2\x86" * 60 + b"K\x01s"
    yield "nested_lists", b"]" * 100_000 + b"a" * 99_999
    yield "shared_dicts", shared_dicts(60)
    yield "itself", b"}q\x00(" + text("model") + b"h\x00u"
    copies = (name("_codecs", "encode") + b"h\x00" + text("latin1") + b"\x86R") * 5000
    yield "copies", text("x" * 1_000_000) + b"q\x000](" + copies + b"e"


def shared_dicts(depth: int) -> bytes:
    """Returns dicts that each hold the next one twice: 2 ** depth ways through them."""
    content = b"}(" + text("x") + number(1) + b"u"
    for _ in range(depth):
        pair = b"q\x00" + b"0}(" + text("model") + b"h\x00" + text("state_dict") + b"h\x00u"
        content += pair
    return content


def write_all(folder: Path, trace: Path) -> None:
    """Writes each as a pickle of its own, and inside a file of `torch.save`."""
    cases = dict(programs(trace)) | dict(floods())
    for index, (way, content) in enumerate(cases.items()):
        inside = mapping({"model": mapping({"visual.proj": content})})
        if way in ("shared_dicts", "itself"):
            inside = content
        if index % 2:
            write(folder / f"{way}.pth", inside, {})
        else:
            (folder / f"{way}.pkl").write_bytes(b"\x80\x04" + inside + b".")
