"""Measures everything that runs on an accelerator, in at most eight minutes and without network.

    python benchmarks/accelerator.py [--out DIR] [--budget 480] [--only ops,towers/vit] [--small]
        [--skip FILE.json [--again ops/deformable,towers]]

On whatever GPU or TPU JAX finds: what the machine reaches, single operations, image towers, whole
methods from a photo to scores, training steps, and how far our accelerator forms are from plain
ones. PyTorch takes part where it is installed and sees the same device, eager and compiled; results
are compared before they are timed. The most telling cases come first; those for which no time is
left are skipped and named. DIR gets `accelerator.json`, rewritten after each case. `--skip` takes
over what an earlier run measured, so that several short runs complete one table; each row says on
which device and in which run it was measured.

A second process measures, so that a case that kills it, or hangs, costs that case alone.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results"
RUN = ("date", "device", "versions", "peak_tflops", "copy_gb_per_second")
"""What tells an earlier run from others."""
LONGEST = 240.0
"""Seconds after which a case counts as hung."""


def main() -> None:
    """Measures, prints the table and writes it."""
    options = _parser().parse_args()
    if options.worker:
        _work(options)
        return
    start = time.monotonic()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    log, target = out / "accelerator.jsonl", out / "accelerator.json"
    options.skip = options.skip and options.skip.resolve()
    earlier = taken_over(options.skip, options.again)
    log.unlink(missing_ok=True)
    for row in earlier:
        _append(log, row)
    rows = _supervise(options, log, target, start + options.budget)
    if not rows:
        raise SystemExit("nothing was measured: the process that measures said why above")
    from accelerated.table import format_table

    print(format_table(rows))
    print(f"{len(rows)} lines in {time.monotonic() - start:.0f} s, in full in {target}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--budget", type=float, default=480, help="seconds in all")
    parser.add_argument(
        "--only", default="", help="beginnings of names, by commas, such as ops,towers/vit"
    )
    parser.add_argument("--small", action="store_true", help="tiny sizes, to try the program")
    parser.add_argument("--skip", type=pathlib.Path, help="a result to take over and complete")
    parser.add_argument("--again", default="", help="beginnings of what is measured again even so")
    parser.add_argument("--list", action="store_true", help="only name the cases")
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--done", type=int, default=0, help=argparse.SUPPRESS)
    return parser


# ---- the process that watches -----------------------------------------------------------------


def _supervise(
    options: argparse.Namespace, log: pathlib.Path, target: pathlib.Path, deadline: float
) -> list[dict[str, Any]]:
    """Starts workers until all cases have a row or time is up; returns the rows."""
    late, reason = "no time was left", ""
    while not reason or time.monotonic() < deadline - 30:
        worker = _start_worker(options, deadline, _finished(log))
        reason = _watch(worker, log, target, deadline)
        lost = _lost(_read(log))
        if worker.returncode == 0 or not lost:
            break  # all is done, or the process ended between cases
        _append(log, lost[-1] | {"status": "failed", "reason": reason})
    if time.monotonic() > deadline - 30:
        reason = late
    for case in _planned(log)[_finished(log) :]:
        _append(log, case | {"status": "skipped", "reason": reason or late})
    _write(log, target)
    return _rows(_read(log))


def _start_worker(options: argparse.Namespace, deadline: float, done: int) -> subprocess.Popen:
    left = max(deadline - time.monotonic(), 1)
    command = [sys.executable, __file__, "--worker", str(left), "--out", str(options.out)]
    command += ["--done", str(done), "--only", options.only, "--again", options.again]
    command += ["--skip", str(options.skip)] if options.skip else []
    command += [flag for flag in ("--small", "--list") if getattr(options, flag[2:])]
    return subprocess.Popen(command, env=_environment(), stdout=sys.stderr)


def _environment() -> dict[str, str]:
    """A GPU's memory is shared with PyTorch, so neither takes all of it at once."""
    paths = [str(HERE), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    shared = {
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    }
    return shared | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def _watch(
    worker: subprocess.Popen, log: pathlib.Path, target: pathlib.Path, deadline: float
) -> str:
    """Waits for a worker, keeps the result file up to date, and ends it where it hangs."""
    seen, changed = 0, time.monotonic()
    while worker.poll() is None:
        time.sleep(0.3)
        size = log.stat().st_size if log.exists() else 0
        if size != seen:
            seen, changed = size, time.monotonic()
            _write(log, target)
        now = time.monotonic()
        if now > deadline or now - changed > LONGEST:
            worker.kill()
            worker.wait()
            return "ended: it took too long"
    return f"the process ended with status {worker.returncode}"


def _read(log: pathlib.Path) -> list[dict[str, Any]]:
    """Returns what a worker has said; a line that it is still writing ends without a break."""
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text().split("\n")[:-1]]


def _rows(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("status") not in (None, "begun")]


def _lost(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the cases that were begun and have no row."""
    finished = {(row["case"], row["shape"]) for row in _rows(lines)}
    begun = [line for line in lines if line.get("status") == "begun"]
    return [line for line in begun if (line["case"], line["shape"]) not in finished]


def _planned(log: pathlib.Path) -> list[dict[str, Any]]:
    return next((line["planned"] for line in _read(log) if "planned" in line), [])


def _finished(log: pathlib.Path) -> int:
    """How many rows this run has, those that were taken over left out."""
    return sum(1 for row in _rows(_read(log)) if "taken_over" not in row)


def taken_over(path: pathlib.Path | None, again: str) -> list[dict[str, Any]]:
    """Returns the rows of an earlier run that stand, each marked with that run.

    Args:
        path: Its result; None for no earlier run.
        again: Beginnings of names, by commas, that do not stand.
    """
    from accelerated.names import begins

    if path is None:
        return []
    run = json.loads(path.read_text())
    mark = {key: run[key] for key in RUN if key in run}
    return [
        {"device": run["device"], "taken_over": mark} | row
        for row in run["cases"]
        if row["status"] == "ok" and not begins(row["case"], again, default=False)
    ]


def _write(log: pathlib.Path, target: pathlib.Path) -> None:
    """Writes what is known so far: the machine once, then a row per case."""
    lines = _read(log)
    machine = next((line for line in lines if "backend" in line), {})
    partial = target.with_suffix(".part")
    partial.write_text(json.dumps({**machine, "cases": _rows(lines)}, indent=1) + "\n")
    partial.replace(target)


def _append(log: pathlib.Path, line: dict[str, Any]) -> None:
    with log.open("a") as file:
        file.write(json.dumps(line) + "\n")


# ---- the process that measures ----------------------------------------------------------------


def _work(options: argparse.Namespace) -> None:
    """Runs the cases that have no row yet, the most telling first."""
    deadline = time.monotonic() + options.worker
    log = options.out / "accelerator.jsonl"
    from accelerated import machine, plan

    known = {(row["case"], row["shape"]) for row in taken_over(options.skip, options.again)}
    chosen = plan.choose(options.only, known, small=options.small)
    if options.list:
        for case in chosen:
            _append(log, {"case": case.name, "shape": case.shape, "status": "listed"})
        return
    if not options.done:
        _append(log, {"planned": [{"case": case.name, "shape": case.shape} for case in chosen]})
    peaks, measured = machine.measure_peaks(small=options.small)
    described = machine.describe(peaks, measured)
    device = described["device"]
    if not options.done:
        _append(log, described)
    pace = plan.Pace(deadline)
    for case in chosen[options.done :]:
        line = {"case": case.name, "shape": case.shape, "device": device}
        if reason := pace.refusal(case):
            _append(log, line | {"status": "skipped", "reason": reason})
            continue
        _append(log, line | {"status": "begun"})
        print(f"{case.name}, {case.shape}", file=sys.stderr, flush=True)
        _append(log, line | pace.run(case, peaks))
    os._exit(0)  # what still compiles or waits behind need not be waited for


if __name__ == "__main__":
    main()
