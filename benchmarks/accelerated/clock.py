"""Time per call of contenders that take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax

from accelerated import torch_side
from accelerated.cases import Contenders

WINDOW = {"cpu": 0.02, "gpu": 0.1, "tpu": 0.1}
"""Seconds that one measurement lasts at least."""
MOST_CALLS = 400
REPEATS = 5


def time_contenders(
    calls: Contenders, *, waits: bool = False, repeats: int = REPEATS
) -> dict[str, dict[str, float]]:
    """Measures every contender `repeats` times, taking turns.

    Calls of a measurement are asked for one behind another and the clock stops when the last is
    done, so that starting one hides behind the work of the one before, as in any queue of work.

    Args:
        calls: What is timed, warmed up already.
        waits: Whether each call is waited for.
        repeats: Measurements of each.

    Returns:
        Per contender "ms" (the median per call), "fastest_ms" and "calls" per measurement.
    """
    waiting = {name: _waiting(name) for name in calls}
    counts = {name: _count(call, waiting[name]) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(_measure(call, waiting[name], counts[name], waits))
    return {
        name: {
            "ms": statistics.median(runs) * 1e3,
            "fastest_ms": min(runs) * 1e3,
            "calls": counts[name],
        }
        for name, runs in seconds.items()
    }


def _waiting(name: str) -> Callable[[Any], Any]:
    return torch_side.wait if name.startswith("torch") else jax.block_until_ready


def _measure(call: Callable[[], Any], wait: Callable, count: int, waits: bool) -> float:
    start = time.perf_counter()
    result = None
    for _ in range(count):
        result = call()
        if waits:
            wait(result)
    wait(result)
    return (time.perf_counter() - start) / count


def _count(call: Callable[[], Any], wait: Callable) -> int:
    """How many calls fill the window; one that takes long is tried once only."""
    wait(call())
    once = _measure(call, wait, 1, True)
    window = WINDOW.get(jax.default_backend(), 0.1)
    if once < window / 4:
        once = _measure(call, wait, 4, False)
    return max(1, min(MOST_CALLS, round(window / once)))
