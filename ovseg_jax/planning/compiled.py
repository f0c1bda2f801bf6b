"""One compiled step: what it takes of a device, as the compiler tells."""

from __future__ import annotations

import dataclasses
import re
import resource
import time
from typing import Any

import jax
from jax.sharding import Mesh

from ovseg_jax.config import Config
from ovseg_jax.loading.parameters import without_places
from ovseg_jax.planning.chips import Topology
from ovseg_jax.planning.collectives import Collective, collectives, loops
from ovseg_jax.training.flops import model_flops
from ovseg_jax.training.layout import bytes_on_a_device
from ovseg_jax.training.shapes import step_and_inputs
from ovseg_jax.training.sharding import mesh_of
from ovseg_jax.training.step import trace_step

_USED = re.compile(r"Used ([\d.]+)([KMG]) of [\d.]+[KMG] hbm")
_TEMPORARIES = re.compile(r"temporaries \(([\d.]+)([KMG])\) exceeds available HBM")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


@dataclasses.dataclass(frozen=True)
class Compiled:
    """Numbers of one step on one device.

    Attributes:
        batch: Images per step over all devices.
        arguments: Bytes by kind: parameters, moments, batch, words.
        outputs: Bytes that the result takes beside the arguments, whose memory it reuses.
        temporaries: Bytes of intermediate values at the worst moment.
        code: Bytes of the program.
        flops: Operations. XLA counts what is in loops once; where the products of the traced
            program, shared evenly, are more, they are the number.
        accessed: Bytes read and written in the device's memory; of loops those of one round.
        rounds: Of each loop that takes several.
        collectives: Exchanges with other devices.
        lowering: Seconds until the compiler started.
        compiling: Seconds of the compiler by the clock.
        compiling_cpu: Seconds of processor time of the compiler.
        refused: Bytes of all that the step needs, where the compiler found that it does not fit;
            the numbers behind `arguments` are then 0.
    """

    batch: int
    arguments: dict[str, int]
    outputs: int = 0
    temporaries: int = 0
    code: int = 0
    flops: float = 0.0
    accessed: float = 0.0
    rounds: tuple[int, ...] = ()
    collectives: tuple[Collective, ...] = ()
    lowering: float = 0.0
    compiling: float = 0.0
    compiling_cpu: float = 0.0
    refused: int = 0

    @property
    def memory(self) -> int:
        """Bytes in all."""
        parts = (sum(self.arguments.values()), self.outputs, self.temporaries, self.code)
        return self.refused or sum(parts)


def compile_for(config: Config, topology: Topology) -> Compiled:
    """Compiles the training step of an experiment for chips that are not here.

    TPUs: by libtpu, with the program that a pod would run. GPUs: see `estimate`.

    Args:
        config: The experiment; `data.batch_size` has to divide over the chips.
        topology: The chips.
    """
    mesh = _mesh(config, topology)
    begun = time.monotonic()
    step, inputs = step_and_inputs(config, mesh)
    traced = trace_step(step, *inputs)
    lowered = traced.lower()
    lowering, cpu = time.monotonic() - begun, _cpu_seconds()
    arguments = _arguments(inputs)
    try:
        compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if (refused := needed_bytes(str(error), sum(arguments.values()))) is None:
            raise
        return Compiled(config.data.batch_size, arguments, lowering=lowering, refused=refused)
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis() or {}
    counted = cost.get("flops", 0.0) if topology.chip.accelerator else _cuda_flops(step, inputs)
    text = compiled.as_text()
    return Compiled(
        batch=config.data.batch_size,
        arguments=arguments,
        outputs=memory.output_size_in_bytes - memory.alias_size_in_bytes,
        temporaries=memory.temp_size_in_bytes,
        code=memory.generated_code_size_in_bytes,
        flops=max(counted, model_flops(traced.jaxpr) / topology.count),
        accessed=cost.get("bytes accessed", 0.0),
        rounds=tuple(loops(text)),
        collectives=tuple(collectives(text, topology.count)),
        lowering=lowering,
        compiling=time.monotonic() - begun - lowering,
        compiling_cpu=_cpu_seconds() - cpu,
    )


def _mesh(config: Config, topology: Topology) -> Mesh:
    chips = jax.devices()
    if topology.chip.accelerator:
        from jax.experimental import topologies

        name = topology.compiled_name
        chips = topologies.get_topology_desc(platform="tpu", topology_name=name).devices
    return mesh_of(config.mesh, chips, topology.name)


def _arguments(inputs: Any) -> dict[str, int]:
    state, batch, text = inputs
    return {
        "trained parameters": bytes_on_a_device(state.trainable),
        "frozen parameters": bytes_on_a_device(state.frozen),
        "moments": bytes_on_a_device(state.optimizer),
        "batch": bytes_on_a_device(batch),
        "words": bytes_on_a_device(text),
    }


def _cuda_flops(step: Any, inputs: Any) -> float:
    """Operations per device of the program as JAX hands it to a GPU's compiler."""
    lowered = jax.jit(step).trace(*without_places(inputs)).lower(lowering_platforms=("cuda",))
    cost: Any = lowered.cost_analysis() or {}
    return float(cost.get("flops", 0.0)) / jax.device_count()


def needed_bytes(message: str, arguments: int) -> int | None:
    """Bytes that a program would need, from the compiler's refusal; None if it is another one.

    Some refusals count everything, others the temporaries alone, beside which the arguments lie.
    """
    if found := _USED.search(message):
        return _bytes(found)
    if found := _TEMPORARIES.search(message):
        return _bytes(found) + arguments
    return None


def _bytes(found: re.Match[str]) -> int:
    return int(float(found[1]) * _UNITS[found[2]])


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
