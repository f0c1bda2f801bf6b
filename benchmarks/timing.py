"""Timing contenders against each other and against what the machine can do."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import itertools
import json
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import torch

from ovseg_jax.ops.compiler import compiler_options

LEAST_SECONDS = 0.02
"""Calls shorter than this are repeated inside one measurement."""
PAUSE_SECONDS = 0.01
"""Between measurements, so that one library's threads have stopped spinning for work."""
DISTINCT_INPUTS = 3


@dataclasses.dataclass(frozen=True)
class Case:
    """One operation, ours and theirs.

    Attributes:
        name: What is computed.
        shape: Its sizes, for the reader.
        ours: Computes it once and waits for the result.
        theirs: The same in PyTorch (or Pillow), one or more ways, by name.
        flops: Floating-point operations of the plain formulation.
        transfers: Bytes that must be read or written at least.
        limit: Largest allowed ours / best of theirs; None for no requirement.
    """

    name: str
    shape: str
    ours: Callable[[], Any]
    theirs: dict[str, Callable[[], Any]]
    flops: float
    transfers: float
    limit: float | None = None


@dataclasses.dataclass(frozen=True)
class Peaks:
    """What the machine reached in this run: FLOP/s of a matrix product, bytes/s of a copy."""

    flops: float
    bandwidth: float


def on_jax(function: Callable[..., Any], inputs: Sequence[tuple]) -> Callable[[], Any]:
    """Compiles `function` and returns a call on the next of `inputs` that waits for it.

    With the options that inference compiles with.
    """
    compiled = jax.jit(function, compiler_options=compiler_options())
    turns = itertools.cycle(inputs)
    return lambda: jax.block_until_ready(compiled(*next(turns)))


def on_torch(
    function: Callable[..., Any], inputs: Sequence[tuple], *, training: bool = False
) -> dict[str, Callable[[], Any]]:
    """Returns calls as `on_jax` does: eager, and on a GPU compiled as well."""
    calls = {"eager": _on_torch(function, inputs, training)}
    if torch.cuda.is_available():
        calls["compiled"] = _on_torch(torch.compile(function), inputs, training)
    return calls


def _on_torch(
    function: Callable[..., Any], inputs: Sequence[tuple], training: bool
) -> Callable[[], Any]:
    turns = itertools.cycle(inputs)

    def call() -> Any:
        with torch.inference_mode(not training):
            result = function(*next(turns))
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return result

    return call


def time_alternating(
    contenders: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, list[float]]:
    """Measures every contender `repeats` times, taking turns; seconds per call."""
    for call in contenders.values():
        for _ in range(DISTINCT_INPUTS):
            call()
    calls = {name: _calls_needed(call) for name, call in contenders.items()}
    seconds = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, call in contenders.items():
            time.sleep(PAUSE_SECONDS)
            seconds[name].append(_seconds(call, calls[name]))
    return seconds


def _seconds(call: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def _calls_needed(call: Callable[[], Any]) -> int:
    return max(1, round(LEAST_SECONDS / _seconds(call, 1)))


def measure_peaks(dtype: Any, repeats: int = 15) -> Peaks:
    """Measures a square matrix product, the best of both libraries, and a copy in place."""
    size, length = (2048, 2**26) if jax.default_backend() == "cpu" else (8192, 2**29)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    square = jnp.ones((size, size), dtype)
    theirs = torch.ones((size, size), dtype=getattr(torch, jnp.dtype(dtype).name), device=device)
    source, target = torch.ones(length, device=device), torch.zeros(length, device=device)
    contenders = {
        "ours": on_jax(jnp.matmul, [(square, square)]),
        "theirs": _on_torch(torch.matmul, [(theirs, theirs)], training=False),
        "copy": _on_torch(target.copy_, [(source,)], training=True),
    }
    best = {name: min(runs) for name, runs in time_alternating(contenders, repeats).items()}
    bandwidth = 2 * length * source.element_size() / best["copy"]
    return Peaks(flops=2 * size**3 / min(best["ours"], best["theirs"]), bandwidth=bandwidth)


def run_case(case: Case, peaks: Peaks, repeats: int) -> dict[str, Any]:
    """Times one case; its row of the table, times in milliseconds."""
    seconds = time_alternating({"ours": case.ours, **case.theirs}, repeats)
    medians = {name: statistics.median(runs) * 1e3 for name, runs in seconds.items()}
    ours = medians.pop("ours")
    best = min(medians, key=medians.get)
    floors = {"flops": case.flops / peaks.flops, "bytes": case.transfers / peaks.bandwidth}
    bound = max(floors, key=floors.get)
    ratio = ours / medians[best]
    return {
        "case": case.name,
        "shape": case.shape,
        "ours_ms": ours,
        "ours_fastest_ms": min(seconds["ours"]) * 1e3,
        "theirs_ms": medians,
        "theirs_fastest_ms": {name: min(seconds[name]) * 1e3 for name in medians},
        "best_of_theirs": best,
        "ratio": ratio,
        "speedup": 1 / ratio,
        "limit": case.limit,
        "met": case.limit is None or ratio <= case.limit,
        "bound": bound,
        "floor_ms": floors[bound] * 1e3,
        "roofline": floors[bound] * 1e3 / ours,
    }


def describe_machine(peaks: Peaks, repeats: int) -> dict[str, Any]:
    """Describes date, versions, machine and what it reached, for the result file."""
    packages = ("jax", "jaxlib", "torch", "numpy", "pillow")
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "backend": jax.default_backend(),
        "device": device_name(),
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "peak_gflops": peaks.flops / 1e9,
        "copy_gigabytes_per_second": peaks.bandwidth / 1e9,
    }


def device_name() -> str:
    """Names the processor or accelerator, with cores and vector instructions of the former."""
    if jax.default_backend() != "cpu":
        return jax.devices()[0].device_kind
    information = pathlib.Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{names[0] if names else platform.processor()}, {len(names)} cores, {vectors}"


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """Formats rows as a Markdown table, one line per case."""
    head = "case | shape | ours ms | theirs ms | ours / theirs | speed-up | limit | roofline"
    lines = [head, " | ".join(["---"] * (head.count("|") + 1)), *map(_format_row, rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _format_row(row: dict[str, Any]) -> str:
    limit = "" if row["limit"] is None else f"{row['limit']:g}: {'met' if row['met'] else 'MISSED'}"
    cells = (
        row["case"],
        row["shape"],
        f"{row['ours_ms']:.2f}",
        ", ".join(f"{name} {ms:.2f}" for name, ms in row["theirs_ms"].items()),
        f"{row['ratio']:.2f}",
        f"{row['speedup']:.1f}x",
        limit,
        f"{row['roofline']:.0%} of {row['bound']}",
    )
    return " | ".join(cells)


def write_json(path: pathlib.Path, machine: dict[str, Any], rows: Sequence[dict]) -> None:
    """Writes what was measured where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**machine, "cases": list(rows)}, indent=2) + "\n")
