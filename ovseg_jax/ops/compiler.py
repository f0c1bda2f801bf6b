"""Options for XLA where its defaults leave speed on the table."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

import jax

_WIDE = {"xla_cpu_prefer_vector_width": "512"}
LONG = 0.3
"""Seconds of compiling after which the heap is worth a look."""


@functools.cache
def compiler_options() -> dict[str, str] | None:
    """Returns what `jax.jit(..., compiler_options=)` should get on this machine; None for nothing.

    On CPUs with AVX-512, XLA uses vectors of half that width; the whole ones make a ConvNeXt a
    fifth faster, most of it in the depthwise convolutions. Results may differ by rounding.
    """
    if jax.default_backend() != "cpu" or not _has_avx512():
        return None
    try:  # an option of XLA, not of JAX: it may be gone tomorrow
        jax.jit(lambda x: x + 1, compiler_options=_WIDE)(0.0)
    except Exception:
        return None
    return dict(_WIDE)


@functools.cache
def free_memory_after_compiling() -> Callable[..., None] | None:
    """Gives back what XLA's compiler leaves in the heap, each time before the program first runs.

    Compiling a ConvNeXt-B, or loading it from JAX's cache, leaves over 100 MiB of free pages that
    glibc would keep. Elsewhere than on Linux with glibc nothing happens.

    Returns:
        What listens to JAX's compilations from now on, or None.
    """
    try:
        trim = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None

    def listen(event: str, seconds: float, **_: object) -> None:
        if event.endswith("backend_compile_duration") and seconds > LONG:
            trim(0)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return listen


def _has_avx512() -> bool:
    information = Path("/proc/cpuinfo")
    return information.exists() and "avx512f" in information.read_text()
