"""A plan as text."""

from __future__ import annotations

import importlib.metadata
from collections import defaultdict
from collections.abc import Sequence

from ovseg_jax.planning.plan import Plan

GUESSED = (
    "no compiler for GPUs runs on this machine, so this is an estimate: parameters, moments and "
    "batch are exact; FLOP are of the program as JAX hands it to the GPU's compiler; collectives, "
    "temporaries and bytes accessed are of the same step compiled for {count} CPU devices, whose "
    "forms of some operations differ and which keep bfloat16 as float32"
)
LOOPS = (
    "  of {count} loops, of up to {most} rounds, the compiler counts one round: compute is mended, "
    "memory is not"
)
MIB = 2**20


def rendered(plan: Plan, title: str, price: float = 0.0) -> str:
    """Returns a plan for the terminal.

    Args:
        plan: The plan.
        title: What was planned, such as the name of the config.
        price: Of one chip for an hour, in any currency; 0 leaves cost away.
    """
    parts = [_head(plan, title), _memory(plan)]
    if not plan.step.refused:
        parts += [_work(plan), _network(plan), _run(plan, price)]
    parts += [_fit(plan)]
    return "\n\n".join(filter(None, parts))


def _head(plan: Plan, title: str) -> str:
    step, topology = plan.step, plan.topology
    grid = f", {' x '.join(map(str, topology.grid))}" if topology.grid else ""
    each = step.batch / topology.count
    mesh, dtype = plan.config.mesh, plan.config.model.clip.compute_dtype
    shared = f", mesh.masks {mesh.masks}" if mesh.masks > 1 else ""
    lines = [
        f"{title} on {topology.name} ({topology.count} chips{grid})",
        f"batch {step.batch}, {each:g} per chip, {dtype}, mesh.fsdp {mesh.fsdp}{shared}",
        f"compiled by {plan.compiler}, jax {importlib.metadata.version('jax')}, in "
        f"{step.compiling:.0f} s ({step.compiling_cpu:.0f} s of processor time)",
    ]
    if not topology.chip.accelerator:
        lines.append(GUESSED.format(count=topology.count))
    return "\n".join(lines)


def _memory(plan: Plan) -> str:
    step, chip = plan.step, plan.topology.chip
    kinds = dict(step.arguments)
    if not step.refused:
        kinds |= {"other outputs": step.outputs, "temporaries": step.temporaries}
        kinds |= {"program": step.code} if step.code else {}
    rows = [(name, f"{size / MIB:,.1f}", "") for name, size in kinds.items()]
    verdict = "fits" if plan.fits else "DOES NOT FIT"
    total = (f"{step.memory / MIB:,.1f}", f"of {chip.memory / MIB:,.0f}: {verdict}")
    return _columns("memory per chip (MiB)", [*rows, ("all", *total)])


def _work(plan: Plan) -> str:
    step, time, chip = plan.step, plan.time, plan.topology.chip
    sent = sum(item.sent for item in step.collectives)
    rows = [
        ("compute", f"{step.flops / 1e12:.3f} TFLOP", _at(time.compute, chip.flops, "FLOP/s")),
        ("memory", f"{step.accessed / 1e9:.2f} GB", _at(time.memory, chip.bandwidth, "B/s")),
        ("network", f"{sent / 1e6:.2f} MB sent", _at(time.network, chip.network, "B/s")),
    ]
    table = _columns("work per chip and step", rows)
    if rounds := step.rounds:
        table += "\n" + LOOPS.format(count=len(rounds), most=max(rounds))
    return table


def _network(plan: Plan) -> str:
    kinds = defaultdict(list)
    for item in plan.step.collectives:
        kinds[item.kind].append(item)
    rows = []
    for kind, items in sorted(kinds.items()):
        number, size = sum(x.times for x in items), sum(x.bytes * x.times for x in items)
        largest = max(items, key=lambda item: item.bytes)
        where = largest.origin.rsplit("jit(step)/", maxsplit=1)[-1]
        rows.append((kind, f"{number} x, {size / 1e6:.3f} MB", f"largest: {where[:90]}"))
    return _columns("collectives", rows) if rows else "collectives: none"


def _run(plan: Plan, price: float) -> str:
    time, batch = plan.time, plan.step.batch
    low, high = time.shortest, time.longest
    lines = [
        f"step: {low * 1e3:.1f} to {high * 1e3:.1f} ms at published peaks ({time.bound} is the "
        f"slowest part), {batch / high:,.0f} to {batch / low:,.0f} images/s; real steps are slower",
        f"whole run, {plan.steps * batch:,.0f} images: at least {plan.chip_hours:,.1f} chip-hours "
        f"({plan.hours:,.1f} h), without input, evaluation, saving",
    ]
    if price:
        lines.append(f"at {price:g} per chip-hour: at least {price * plan.chip_hours:,.0f}")
    return "\n".join(lines)


def _fit(plan: Plan) -> str:
    lines = []
    if plan.step.refused:
        lines.append("the compiler refuses it: too large for the memory")
    else:
        roughly = "" if plan.by_two else "about "
        each = plan.largest / plan.topology.count
        lines.append(f"largest batch that fits: {roughly}{plan.largest}, {each:g} per chip")
    return "\n".join([*lines, *(f"advice: {line}" for line in plan.advice)])


def _at(seconds: float, peak: float, unit: str) -> str:
    return f"{seconds * 1e3:.2f} ms at {peak / 1e12:g} T{unit}"


def _columns(title: str, rows: Sequence[tuple[str, str, str]]) -> str:
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"  {a:{first}}  {b:>{second}}  {c}".rstrip() for a, b, c in rows]
    return "\n".join([title, *lines])
