"""Which cases there are, in which order, and whether there is time for the next."""

from __future__ import annotations

import gc
import time
from collections.abc import Collection, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from accelerated import (
    correctness,
    mask_operations,
    methods,
    operations,
    pairs,
    towers,
    training,
)
from accelerated.cases import Case, Script
from accelerated.machine import Peaks
from accelerated.measuring import described, run_case
from accelerated.names import begins

COSTS = {"ops": 10.0, "towers": 30.0, "methods": 50.0, "training": 60.0, "correctness": 15.0}
"""Seconds that a case without an estimate of its own takes on a GPU, from a run on an H200."""
ORDER = ("correctness", "ops", "training", "methods", "towers")
"""Of equally urgent cases, parts that take little time come first."""


def every_case(*, small: bool) -> Iterator[Case | Script]:
    """Yields all cases, part by part."""
    dtype = jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16
    parts = operations, mask_operations, training, methods, towers, correctness, pairs
    for part in parts:
        yield from part.cases(dtype, small=small)


def choose(only: str, known: Collection[tuple[str, str]], *, small: bool) -> list[Case | Script]:
    """Returns the cases whose names begin so, the most urgent first.

    Args:
        only: Beginnings by commas; empty for all.
        known: Names and shapes of those that are left out.
        small: Sizes for trying the program.
    """
    found = [
        case
        for case in every_case(small=small)
        if begins(case.name, only, default=True) and (case.name, case.shape) not in known
    ]
    return sorted(found, key=lambda case: (case.urgency, ORDER.index(_part(case))))


class Pace:
    """Keeps the time: how far estimates were off so far says how far the next may be."""

    def __init__(self, deadline: float):
        self._deadline = deadline
        self._factor = 1.0

    def refusal(self, case: Case | Script) -> str:
        """Says why a case is not begun; empty where it may be."""
        left, cost = self._deadline - time.monotonic(), self._factor * _seconds(case)
        if left >= cost:
            return ""
        return f"{max(left, 0):.0f} s are left, such a case takes about {cost:.0f} s"

    def run(self, case: Case | Script, peaks: Peaks) -> dict[str, Any]:
        """Runs a case; its row, which says so if it failed."""
        start = time.monotonic()
        try:
            row = run_case(case, peaks) if isinstance(case, Case) else case.run(peaks)
            row = {"status": "ok"} | row
        except Exception as error:  # the next case may work
            row = {"status": "failed", "reason": described(error)}
        gc.collect()
        jax.clear_caches()
        seconds = time.monotonic() - start
        if row["status"] == "ok":
            off = seconds / _seconds(case)
            self._factor = min(max((2 * self._factor + off) / 3, 0.5), 2.0)
        return row | {"seconds": seconds}


def _seconds(case: Case | Script) -> float:
    if jax.default_backend() == "cpu":
        return 1.0
    return case.seconds or COSTS[_part(case)]


def _part(case: Case | Script) -> str:
    return case.name.split("/")[0]
