"""Programs kept for the next start: compiled ones, and what tracing them gave.

JAX keeps compiled programs itself, but finds them only by tracing the model again, which takes
longer than running it on one photo. So what tracing gave is kept beside them.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import os
import re
from collections.abc import Callable
from importlib.metadata import entry_points, version
from pathlib import Path

import jax

from ovseg_jax.disk.atomic import OutputError, write_atomically
from ovseg_jax.disk.user_cache import make_private, user_cache
from ovseg_jax.foundation.errors import warn

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

_UNREADABLE = re.compile(r"Error reading persistent compilation cache entry for '([^']+)'")


def compiled_folder() -> Path:
    """Where JAX keeps compiled programs, a folder of this user alone."""
    return user_cache() / "xla"


def keep_programs() -> None:
    """Keeps what this process traces and compiles, so that the next start is quicker.

    All commands ask for it, and programs of one's own may (`ovseg_jax.keep_programs`). Programs lie
    beside the embedded texts, in a folder of the user alone. JAX's own variables go first:
    `JAX_COMPILATION_CACHE_DIR` names another folder, `JAX_ENABLE_COMPILATION_CACHE=false` switches
    this off. Where the folder cannot be made private and written, every start compiles, which is
    said: what lies there is run, so nobody else may put it there.
    """
    settings = jax.config.values
    if settings["jax_compilation_cache_dir"] or not settings["jax_enable_compilation_cache"]:
        return
    folder = compiled_folder()
    if not make_private(folder):
        warn(f"no programs can be kept in {folder}, so every start compiles (see OVSEG_CACHE)")
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    if not entry_points(group="jax_plugins"):
        # What else XLA keeps there serves accelerators, and its place would be a part of the names.
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")


def forget_damaged(warning: str) -> bool:
    """Removes the compiled programs that JAX could not read; whether a warning said so.

    JAX compiles anew but writes nothing where a file is, so a damaged one would stay for good.
    """
    found = _UNREADABLE.match(warning)
    if found and is_keeping():
        for path in compiled_folder().glob(f"{glob.escape(found[1])}-*-cache"):
            with contextlib.suppress(OSError):
                path.unlink()
    return found is not None


def is_keeping() -> bool:
    """Whether programs are kept in our own folder."""
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
