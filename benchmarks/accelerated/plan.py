"""Which cases there are, in which order, and whether there is time for the next."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from accelerated import correctness, methods, operations, towers, training
from accelerated.cases import Case, Script
from accelerated.machine import Peaks
from accelerated.measuring import described, run_case

COSTS = {"ops": 12.0, "towers": 35.0, "methods": 60.0, "training": 80.0, "correctness": 15.0}
"""Seconds that a case takes on an accelerator at a guess, until the first of its part is known."""


def every_case(*, small: bool) -> Iterator[Case | Script]:
    """Yields all cases, part by part."""
    dtype = jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16
    for part in (operations, training, methods, towers, correctness):
        yield from part.cases(dtype, small=small)


def choose(only: str, *, small: bool) -> list[Case | Script]:
    """Returns the cases whose names begin so, the most urgent first."""
    beginnings = tuple(filter(None, only.split(",")))
    found = [
        case
        for case in every_case(small=small)
        if not beginnings or case.name.startswith(beginnings)
    ]
    return sorted(found, key=lambda case: case.urgency)


class Pace:
    """Keeps the time: what cases of a part took so far says what the next may take."""

    def __init__(self, deadline: float):
        self._deadline = deadline
        self._costs = dict(COSTS)
        if jax.default_backend() == "cpu":
            self._costs = dict.fromkeys(COSTS, 1.0)

    def refusal(self, case: Case | Script) -> str:
        """Says why a case is not begun; empty where it may be."""
        left, cost = self._deadline - time.monotonic(), self._costs[_part(case)]
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
        part = _part(case)
        self._costs[part] = (self._costs[part] + seconds) / 2
        return row | {"seconds": seconds}


def _part(case: Case | Script) -> str:
    return case.name.split("/")[0]
