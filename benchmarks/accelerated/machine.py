"""What the machine is, and what it reached in this run."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
from typing import Any

import jax
import jax.numpy as jnp

from accelerated import torch_side
from accelerated.cases import draw
from accelerated.clock import time_contenders

PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch", "timm")


@dataclasses.dataclass(frozen=True)
class Peaks:
    """FLOP/s of a square matrix product by type, and bytes/s of a copy, read and written."""

    flops: dict[str, float]
    bandwidth: float


def measure_peaks(*, small: bool) -> tuple[Peaks, dict[str, Any]]:
    """Measures products in bfloat16 and float32, by both libraries, and a copy.

    Returns:
        The best of both, and every measurement.
    """
    on_cpu = jax.default_backend() == "cpu"
    size, length = (256, 2**20) if small else (1024, 2**26) if on_cpu else (8192, 2**30)
    measured: dict[str, Any] = {}
    types = ("float32",) if on_cpu else ("bfloat16", "float32")
    flops = {name: max(_products(name, size, measured)) for name in types}
    flops.setdefault("bfloat16", flops["float32"])
    (source,) = draw(0, length // 4, turns=1)
    copy = jax.jit(lambda x: x + 1)
    times = _timed({"copy": lambda: copy(source)})
    measured["copy"] = times["copy"]
    return Peaks(flops, 2 * length / (times["copy"]["ms"] * 1e-3)), measured


def _timed(calls: Any) -> dict[str, dict[str, float]]:
    for call in calls.values():
        call()
    return time_contenders(calls)


def _products(dtype: str, size: int, measured: dict[str, Any]) -> list[float]:
    """FLOP/s of each library; float32 as each multiplies by default."""
    (left,), (right,) = (
        draw(1, size, size, dtype=dtype, turns=1),
        draw(2, size, size, dtype=dtype, turns=1),
    )
    product = jax.jit(jnp.matmul)
    calls = {"ours": lambda: product(left, right)}
    if not torch_side.missing():
        theirs = torch_side.to_torch(left), torch_side.to_torch(right)
        calls |= torch_side.contenders(lambda a, b: a @ b, [theirs], compiled=False)
    times = _timed(calls)
    measured[f"product {size}, {dtype}"] = times
    return [2 * size**3 / (each["ms"] * 1e-3) for each in times.values()]


def describe(peaks: Peaks, measured: dict[str, Any]) -> dict[str, Any]:
    """Describes date, versions, device and what it reached, for the result file."""
    device = jax.devices()[0]
    stats = device.memory_stats() or {}
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "backend": jax.default_backend(),
        "device": device.device_kind if device.platform != "cpu" else _processor(),
        "devices": jax.device_count(),
        "memory_gib": round(stats.get("bytes_limit", 0) / 2**30, 1),
        "torch": torch_side.missing() or f"on {torch_side.device()}",
        "peak_tflops": {name: rate / 1e12 for name, rate in peaks.flops.items()},
        "copy_gb_per_second": peaks.bandwidth / 1e9,
        "peak_runs": measured,
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _processor() -> str:
    information = pathlib.Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"
