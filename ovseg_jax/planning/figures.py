"""A plan as numbers with names, for programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from ovseg_jax.planning.plan import Plan


def figures(plan: Plan, price: float = 0.0) -> dict[str, Any]:
    """Returns all of a plan as JSON: its fields, and what the table reckons from them.

    Args:
        plan: The plan.
        price: Of one chip for an hour; 0 leaves cost away.

    Returns:
        Bytes, operations and seconds, as in `Plan` and what it holds. Beside them `step.memory`,
        the sum, and where the step was compiled `run`: what the whole training takes at least.
    """
    found = _named(plan)
    found["step"]["memory"] = plan.step.memory
    if not plan.step.refused:
        found["time"] |= {
            "shortest": plan.time.shortest,
            "longest": plan.time.longest,
            "bound": plan.time.bound,
        }
        found["run"] = _run(plan, price)
    return found


def _run(plan: Plan, price: float) -> dict[str, float]:
    run = {
        "images": plan.images,
        "steps": plan.steps,
        "images_per_second": plan.step.batch / plan.time.shortest,
        "hours": plan.hours,
        "chip_hours": plan.chip_hours,
    }
    return run | ({"price": price, "cost": price * run["chip_hours"]} if price else {})


def _named(value: Any) -> Any:
    """JSON of records of both kinds, field by field."""
    records = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    if names := [field.name for field in records] or getattr(value, "_fields", ()):
        return {name: _named(getattr(value, name)) for name in names}
    if isinstance(value, tuple | list):
        return [_named(item) for item in value]
    if isinstance(value, dict):
        return {name: _named(item) for name, item in value.items()}
    return value
