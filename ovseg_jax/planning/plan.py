"""Plans a training step: compiles it elsewhere and puts together what that says."""

from __future__ import annotations

import dataclasses
import importlib.metadata

from ovseg_jax.config import Config
from ovseg_jax.planning.chips import Topology
from ovseg_jax.planning.compiled import Compiled
from ovseg_jax.planning.elsewhere import compiled
from ovseg_jax.planning.fitting import advice, fits, largest_batch
from ovseg_jax.planning.roofline import Roofline, roofline


@dataclasses.dataclass(frozen=True)
class Plan:
    """A step on chips that are not here.

    Attributes:
        config: The experiment as it was planned, see `given.planned`.
        images: That the whole run shows, which another batch does not change.
        topology: The chips.
        step: What the compiler told of that batch.
        time: Its shortest and longest time.
        fits: Whether it fits into memory.
        largest: Images per step that fit, over all chips.
        by_two: Whether `largest` is from two compiled batches, or from one and so less exact.
        advice: What would help.
        compiler: Who compiled it, and so what the numbers are worth.
    """

    config: Config
    images: int
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
        return self.images / self.step.batch

    @property
    def hours(self) -> float:
        """Of the whole run, at least."""
        return self.steps * self.time.shortest / 3600

    @property
    def chip_hours(self) -> float:
        """The same of all chips together."""
        return self.hours * self.topology.count


def plan(config: Config, topology: Topology, images: int, *, twice: bool = False) -> Plan:
    """Compiles a step and reads off what it takes; minutes for a large model.

    Args:
        config: The experiment as it would run there, see `given.planned`.
        topology: The chips.
        images: That the whole run shows.
        twice: Compile a second, larger batch, to say more exactly what fits.

    Raises:
        MissingPackageError: TPUs are asked for, and libtpu is not installed.
        PlanError: The compiler failed.
    """
    batch = config.data.batch_size
    steps = compiled(config, topology, [batch, 2 * batch] if twice else [batch])
    step = steps[0]
    return Plan(
        config=config,
        images=images,
        topology=topology,
        step=step,
        time=roofline(step, topology.chip),
        fits=fits(step, topology),
        largest=largest_batch(steps, config, topology),
        by_two=twice,
        advice=tuple(advice(config, step, topology)),
        compiler=_compiler(topology),
    )


def _compiler(topology: Topology) -> str:
    if not topology.chip.accelerator:
        return "XLA for CPU devices"
    return f"libtpu {importlib.metadata.version('libtpu')}"
