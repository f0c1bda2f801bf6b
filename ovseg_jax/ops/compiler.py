"""Options for XLA where its defaults leave speed on the table."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

import jax

_SEQUENTIAL = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
_WIDE = {"xla_cpu_prefer_vector_width": "512"}
LONG = 0.3
"""Seconds of compiling after which the heap is worth a look."""
_ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""


@functools.cache
def compiler_options(platform: str = "") -> dict[str, str] | None:
    """Returns what `jax.jit(..., compiler_options=)` should get on this machine; None for nothing.

    On CPUs, XLA orders steps for concurrency, which few cores do not need; ordered for memory, a
    ConvNeXt-B at 640 x 640 takes 57 MiB beside its weights instead of 89, on two cores at one
    speed (many were not tried). With AVX-512 it uses vectors of half that width; the whole ones
    make a ConvNeXt a fifth faster, most of it in the depthwise convolutions. Results may differ by
    rounding.

    Args:
        platform: What is compiled for, such as "cpu"; empty for the default backend.
    """
    if (platform or jax.default_backend()) != "cpu":
        return None
    options: dict[str, str] = {}
    for option in (_SEQUENTIAL, _WIDE) if _has_avx512() else (_SEQUENTIAL,):
        options |= option if _known(option) else {}
    return options or None


def _known(option: dict[str, str]) -> bool:
    """Whether XLA takes it: options are XLA's, not JAX's, and may be gone tomorrow."""
    try:
        jax.jit(lambda x: x + 1, compiler_options=option)(0.0)
    except Exception:
        return False
    return True


@functools.cache
def keep_heap_small() -> Callable[..., None] | None:
    """Keeps what XLA's compiler leaves in the heap small, from now on.

    All threads share one arena of glibc's, so that what they leave behind lies together, and free
    pages go back each time before a new program first runs. Compiling a ConvNeXt-B leaves 80 MiB
    so. Elsewhere than on Linux with glibc nothing happens.

    Returns:
        What listens to JAX's compilations from now on, or None.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        trim, set_option = libc.malloc_trim, libc.mallopt
    except (OSError, AttributeError):
        return None
    set_option(_ARENA_MAX, 1)

    def listen(event: str, duration_secs: float, **_: object) -> None:
        if event.endswith("backend_compile_duration") and duration_secs > LONG:
            trim(0)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return listen


def _has_avx512() -> bool:
    information = Path("/proc/cpuinfo")
    return information.exists() and "avx512f" in information.read_text()
