"""Runs a case: compiles, compares results, then times; a row of the table comes out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from accelerated import torch_side
from accelerated.cases import Case
from accelerated.clock import time_contenders
from accelerated.counting import flops_of_trace
from accelerated.machine import Peaks
from ovseg_jax.ops.compiler import compiler_options


def run_case(case: Case, peaks: Peaks) -> dict[str, Any]:
    """Compares and times one case.

    A form or contender that fails is left out, its error in the row under "errors"; the case fails
    only where ours, the default form, does.
    """
    inputs = list(case.inputs())
    programs, row = _compile_forms(case, inputs[0])
    found = {name: case.pick(program(*inputs[0])) for name, program in programs.items()}
    result = torch_side.to_numpy(found.pop("ours"))
    row["difference"] = {
        name: distance(torch_side.to_numpy(other), result) for name, other in found.items()
    }
    del found
    calls = {name: _turns(program, inputs) for name, program in programs.items()} | _theirs(
        case, inputs, result, row
    )
    row["memory"] |= _memory_of_torch(calls)
    times = time_contenders(calls, waits=case.waits)
    torch_side.forget()
    return row | judged(times, row["flops"], row["bytes"], peaks) | _rate(case, times)


def distance(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> float:
    """Returns the largest distance of two results, relative to the largest value wanted.

    Raises:
        ValueError: They have other shapes.
    """
    worst = 0.0
    for one, other in zip(found, wanted, strict=True):
        if one.shape != other.shape:
            raise ValueError(f"results of {one.shape} and {other.shape} cannot be compared")
        gap = float(np.abs(one - other).max(initial=0))
        worst = max(worst, gap / max(float(np.abs(other).max(initial=0)), 1e-30))
        if not np.isfinite(one).all():
            worst = float("inf")
    return worst


def plan_of(program: Any) -> dict[str, int]:
    """Returns the bytes that a compiled program needs, as XLA plans them."""
    plan = program.memory_analysis()
    if plan is None:
        return {}
    parts = {
        "arguments": plan.argument_size_in_bytes,
        "results": plan.output_size_in_bytes,
        "temporaries": plan.temp_size_in_bytes,
    }
    return parts | {"peak": sum(parts.values()) - plan.alias_size_in_bytes}


def flops_of_xla(program: Any) -> float | None:
    """Returns the operations that XLA counts in a compiled program; None where it does not."""
    try:
        cost = program.cost_analysis()
        cost = cost[0] if isinstance(cost, list) else cost
        return float(cost["flops"])
    except Exception:  # backends differ in what they raise where they cannot tell
        return None


def compile_timed(lowered: Callable[[], Any]) -> tuple[Any, float]:
    """Traces and compiles; the program and the seconds it took."""
    start = time.perf_counter()
    return lowered().compile(), time.perf_counter() - start


def compile_together(
    traces: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, float], dict[str, Exception]]:
    """Compiles traced programs side by side: XLA waits for processes and for its own threads.

    Returns:
        The programs, the seconds that each took beside the others, and what failed, by name.
    """
    with ThreadPoolExecutor(max_workers=8) as pool:
        lowered = {name: trace.lower for name, trace in traces.items()}
        waiting = {name: pool.submit(compile_timed, lower) for name, lower in lowered.items()}
    failed = {name: job.exception() for name, job in waiting.items()}
    errors = {name: error for name, error in failed.items() if isinstance(error, Exception)}
    done = {name: job.result() for name, job in waiting.items() if name not in errors}
    return (
        {name: program for name, (program, _) in done.items()},
        {name: seconds for name, (_, seconds) in done.items()},
        errors,
    )


def judged(
    times: dict[str, dict[str, float]], flops: float, transfers: float, peaks: Peaks
) -> dict[str, Any]:
    """Returns MFU, the fraction of the roofline and ours over the best of theirs.

    Args:
        times: Of contenders; "ours" is judged.
        flops: Operations that must be done.
        transfers: Bytes that must be read or written.
        peaks: What the machine reached: on an accelerator the rate of bfloat16 counts.
    """
    ours, rate = times["ours"]["ms"] * 1e-3, peaks.flops["bfloat16"]
    floors = {"flops": flops / rate, "bytes": transfers / peaks.bandwidth}
    bound = max(floors, key=lambda name: floors[name])
    others = [run["ms"] for name, run in times.items() if name.startswith("torch")]
    return {
        "times": times,
        "flops": flops,
        "mfu": floors["flops"] / ours,
        "bound": bound,
        "floor_ms": floors[bound] * 1e3,
        "roofline": floors[bound] / ours,
        "ratio": times["ours"]["ms"] / min(others) if others else None,
    }


def _compile_forms(case: Case, arguments: tuple) -> tuple[dict[str, Any], dict[str, Any]]:
    traces, errors = {}, {}
    for name, form in case.forms.items():
        try:
            traces[name] = jax.jit(form, compiler_options=compiler_options()).trace(*arguments)
        except Exception as error:
            errors[name] = error
    programs, seconds, late = compile_together(traces)
    errors |= late
    if "ours" in errors:
        raise errors["ours"]
    row: dict[str, Any] = {
        "errors": {name: described(error) for name, error in errors.items()},
        "memory": {name: plan_of(program) for name, program in programs.items()},
        "compile_seconds": seconds,
    }
    row["flops"] = case.flops or flops_of_trace(traces["ours"].jaxpr)
    row["flops_of_xla"] = flops_of_xla(programs["ours"])
    plan = row["memory"]["ours"]
    row["bytes"] = plan.get("arguments", 0) + plan.get("results", 0)
    return programs, row


def _turns(program: Callable[..., Any], inputs: Sequence[tuple]) -> Callable[[], Any]:
    turns = itertools.cycle(inputs)
    return lambda: program(*next(turns))


def _theirs(
    case: Case, inputs: Sequence[tuple], result: list[np.ndarray], row: dict[str, Any]
) -> dict[str, Callable[[], Any]]:
    """PyTorch's contenders that run and agree; why not, for those that do not."""
    row["not_compared"] = case.missing
    if case.theirs is None:
        return {}
    if reason := torch_side.missing():
        row["not_compared"] = reason
        return {}
    row["error"] = {}
    kept: dict[str, Callable[[], Any]] = {}
    try:
        calls = case.theirs(inputs)
    except Exception as error:
        row["errors"]["torch"] = described(error)
        return {}
    for name, call in calls.items():
        start = time.perf_counter()
        try:
            theirs = torch_side.to_numpy(case.align(call()))
            row["error"][name] = distance(result, theirs)
        except Exception as error:
            row["errors"][name] = described(error)
            continue
        row["compile_seconds"][name] = time.perf_counter() - start
        for _ in inputs:  # the other inputs of the cycle, so that the next call meets the first
            call()
        torch_side.wait()
        kept[name] = call
    if any(not gap <= case.tolerance for gap in row["error"].values()):
        row["disagrees"] = True
    return kept


def _memory_of_torch(calls: dict[str, Callable[[], Any]]) -> dict[str, dict[str, int]]:
    return {
        name: {"peak": torch_side.peak_memory(call)}
        for name, call in calls.items()
        if name.startswith("torch")
    }


def _rate(case: Case, times: dict[str, dict[str, float]]) -> dict[str, Any]:
    if not case.images:
        return {}
    return {"images_per_second": case.images / times["ours"]["ms"] * 1e3}


def described(error: BaseException) -> str:
    """Returns an error's kind and first lines, short enough for a table's file."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:500]}"
