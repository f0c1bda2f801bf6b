"""Plans a training step: compiles it elsewhere and puts together what that says."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import math
import os
import subprocess
import sys
from typing import Any

from ovseg_jax.config import Config
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.foundation import devices
from ovseg_jax.foundation.errors import MissingPackageError, OvsegError
from ovseg_jax.planning.chips import Topology
from ovseg_jax.planning.compiled import Compiled
from ovseg_jax.planning.fitting import advice, fits, largest_batch
from ovseg_jax.planning.roofline import Roofline, roofline
from ovseg_jax.planning.worker import from_json
from ovseg_jax.training.sharding import mesh_shape


class PlanError(OvsegError, RuntimeError):
    """The compiler did not come to an end; the message has its last words."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """A step on chips that are not here.

    Attributes:
        config: The experiment as it was given; `step.batch` is the batch that was planned.
        topology: The chips.
        step: What the compiler told of that batch.
        time: Its shortest and longest time.
        fits: Whether it fits into memory.
        largest: Images per step that fit, over all chips.
        by_two: Whether `largest` is from two compiled batches, or from one and so too small.
        advice: What would help.
        compiler: Who compiled it, and so what the numbers are worth.
    """

    config: Config
    topology: Topology
    step: Compiled
    time: Roofline
    fits: bool
    largest: int
    by_two: bool
    advice: tuple[str, ...]
    compiler: str

    @property
    def steps(self) -> float:
        """Steps of the planned batch that show as many images as the experiment's own."""
        return self.config.num_steps * self.config.data.batch_size / self.step.batch

    def hours(self, seconds: float) -> float:
        """Chip-hours of the whole run, if a step takes so long.

        Args:
            seconds: Of one step.
        """
        return self.steps * seconds * self.topology.count / 3600


def plan(config: Config, topology: Topology, *, twice: bool = False) -> Plan:
    """Compiles a step and reads off what it takes; minutes for a large model.

    Args:
        config: The experiment. A batch that does not divide over the chips is rounded up.
        topology: The chips.
        twice: Compile a second, larger batch, to say more exactly what fits.

    Raises:
        MissingPackageError: TPUs are asked for, and libtpu is not installed.
        PlanError: The compiler failed.
        OvsegError: The experiment itself is wrong.
    """
    config = _on_accelerators(config)
    data, fsdp, masks = mesh_shape(config.mesh, topology.count, topology.name)
    chips = data * fsdp
    batch = math.ceil(config.data.batch_size / chips) * chips
    batches = [batch, 2 * batch] if twice else [batch]
    steps = _compiled(config, topology, batches)
    step = steps[0]
    return Plan(
        config=config,
        topology=topology,
        step=step,
        time=roofline(step, topology.chip),
        fits=fits(step, topology),
        largest=largest_batch(steps, topology, masks),
        by_two=twice,
        advice=tuple(advice(config, step, topology)),
        compiler=_compiler(topology),
    )


def _on_accelerators(config: Config) -> Config:
    """Says what "auto" will mean where the run is planned, not here."""
    clip = config.model.clip
    dtype: Any = devices.compute_dtype(clip.compute_dtype, "accelerator")
    clip = dataclasses.replace(clip, compute_dtype=dtype)
    return dataclasses.replace(config, model=dataclasses.replace(config.model, clip=clip))


def _compiled(config: Config, topology: Topology, batches: list[int]) -> list[Compiled]:
    request = {"config": to_dict(config), "topology": topology.name, "batches": batches}
    command = [sys.executable, "-m", "ovseg_jax.planning.worker"]
    done = subprocess.run(
        command,
        input=json.dumps(request),
        env=environment(topology),
        capture_output=True,
        text=True,
        check=False,
    )
    lines: list[dict[str, Any]] = [json.loads(x) for x in done.stdout.splitlines() if x[:1] == "{"]
    if errors := [line["error"] for line in lines if "error" in line]:
        raise PlanError(errors[0])
    if len(lines) < len(batches):
        raise PlanError(
            f"the compiler for {topology.name} ended with status {done.returncode}: "
            f"{_last_words(done.stderr)}"
        )
    return [from_json(line) for line in lines]


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


def _last_words(errors: str) -> str:
    """The end of what a process said, without the addresses of a crash."""
    lines = [line.strip() for line in errors.splitlines()]
    said = [line for line in lines if line and not line.startswith(("@", "***"))]
    return " / ".join(said[-3:])


def _compiler(topology: Topology) -> str:
    if not topology.chip.accelerator:
        return "XLA for CPU devices"
    return f"libtpu {importlib.metadata.version('libtpu')}"
