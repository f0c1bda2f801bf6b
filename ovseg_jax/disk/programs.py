"""Programs kept for the next start: compiled ones, and what tracing them gave.

JAX keeps compiled programs itself, but finds them only by tracing the model again, which takes
longer than running it on one photo. So what tracing gave is kept beside them.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import jax

from ovseg_jax.disk.atomic import OutputError, write_atomically
from ovseg_jax.disk.user_cache import user_cache

PACKAGE = Path(__file__).parents[1]
MOST = 512
"""Traced programs that are kept; those not used for the longest time go first."""
SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_numpy_dtype_promotion",
    "jax_threefry_partitionable",
)
"""Of JAX, those that change what tracing gives."""


def compiled_folder() -> Path:
    """Where JAX keeps compiled programs, a folder of this user alone."""
    return user_cache() / "xla"


def is_keeping() -> bool:
    """Whether programs are kept, which commands ask for (`ovseg_jax.cli.kept_programs`)."""
    return jax.config.values["jax_compilation_cache_dir"] == str(compiled_folder())


def traced_file(*about: object) -> Path | None:
    """Returns where what tracing gave is kept; None where nothing is kept.

    Args:
        about: Everything that it depends on, beside the code, the libraries, the platform and
            JAX's settings. What does not say of itself what it is, by its address, is not kept.
    """
    if not is_keeping():
        return None
    text = "\n".join(repr(each) for each in about)
    if " at 0x" in text:
        return None
    platform = f"{jax.default_backend()} {jax.device_count()}"
    settings = [str(jax.config.values[name]) for name in SETTINGS]
    digest = hashlib.sha256("\n".join((text, _code(), platform, *settings)).encode())
    return compiled_folder() / "traced" / digest.hexdigest()


def read_traced(file: Path | None) -> bytes | None:
    """Returns what is kept under a name of `traced_file`; None for nothing."""
    if file is None:
        return None
    try:
        os.utime(file)
        return file.read_bytes()
    except OSError:
        return None


def keep_traced(file: Path | None, content: Callable[[], bytes]) -> None:
    """Keeps what tracing gave; a full disk costs the next start time, and nothing else.

    Args:
        file: What `traced_file` gave.
        content: Makes what is kept, if it can be.
    """
    if file is None:
        return
    try:
        data = content()
        write_atomically(file, lambda stream: stream.write(data))
        kept = sorted(file.parent.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in kept[:-MOST]:
            path.unlink(missing_ok=True)
    except (OutputError, OSError):
        return


@functools.cache
def _code() -> str:
    """Tells versions of this package and of the libraries that trace apart, edits too."""
    files = sorted(PACKAGE.rglob("*.py"))
    stats = [(str(path.relative_to(PACKAGE)), path.stat()) for path in files]
    lines = [f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats]
    lines += [f"{name} {version(name)}" for name in ("jax", "jaxlib", "flax")]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
