"""Compiles in another process, whose environment says for which chips; it ends when this one does.

See `ovseg_jax.planning.worker` for what it does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from ovseg_jax.config import Config
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.foundation.errors import MissingPackageError, OvsegError
from ovseg_jax.planning.chips import Topology
from ovseg_jax.planning.compiled import Compiled
from ovseg_jax.planning.worker import from_json


class PlanError(OvsegError, RuntimeError):
    """The compiler did not come to an end; the message has its last words."""


def compiled(config: Config, topology: Topology, batches: list[int]) -> list[Compiled]:
    """Compiles a step in several sizes; minutes for a large model.

    Args:
        config: The experiment.
        topology: The chips.
        batches: Images per step, for each of which it is compiled.

    Raises:
        MissingPackageError: TPUs are asked for, and libtpu is not installed.
        PlanError: The compiler failed.
    """
    request = {"config": to_dict(config), "topology": topology.name, "batches": batches}
    command = [sys.executable, "-m", "ovseg_jax.planning.worker"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": said}
        with subprocess.Popen(command, env=environment(topology), text=True, **pipes) as worker:
            lines = list(_answers(worker, request))
        if len(lines) == len(batches):
            return [from_json(line) for line in lines]
        raise PlanError(
            f"the compiler for {topology.name} ended with status {worker.returncode}: "
            f"{_last_words(said)}"
        )


def _answers(worker: subprocess.Popen[str], request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Sends the request and keeps the pipe open: the worker ends where it closes."""
    assert worker.stdin is not None and worker.stdout is not None
    try:
        worker.stdin.write(json.dumps(request) + "\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return  # it ended before; what it said says why
    for text in worker.stdout:
        if text[:1] != "{":
            continue
        line = json.loads(text)
        if "error" in line:
            raise PlanError(line["error"])
        yield line


def environment(topology: Topology) -> dict[str, str]:
    """Returns the environment of a process that compiles for some chips on a CPU.

    Args:
        topology: The chips.

    Raises:
        MissingPackageError: TPUs are asked for, and libtpu is not installed.
    """
    # Flags of this process may be unknown to libtpu, which aborts at them.
    kept = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    kept |= {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    chip, count = topology.chip, topology.count
    if not chip.accelerator:
        return kept | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"}
    if importlib.util.find_spec("libtpu") is None:
        raise MissingPackageError(
            f"planning for {topology.name} needs libtpu, the compiler for TPUs, which runs without "
            "one: `pip install --no-deps --target DIR libtpu`, then PYTHONPATH=DIR ovseg plan ... "
            "(installed beside JAX it would make JAX look for a TPU at every start)"
        )
    return kept | {
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_ACCELERATOR_TYPE": f"{chip.accelerator}-{count}",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "TPU_WORKER_ID": "0",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    }


def _last_words(said: IO[str]) -> str:
    """The end of what a process said, without the addresses of a crash."""
    said.seek(0)
    lines = [line.strip() for line in said.read().splitlines()]
    kept = [line for line in lines if line and not line.startswith(("@", "***"))]
    return " / ".join(kept[-3:])
