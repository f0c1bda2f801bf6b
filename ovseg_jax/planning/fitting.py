"""How many images fit on a chip, and what to do where none does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ovseg_jax.config import Config
from ovseg_jax.planning.chips import Topology
from ovseg_jax.planning.compiled import Compiled

LARGE = 0.2
"""Parameters and moments above this part of the memory are worth sharing out."""


def fits(step: Compiled, topology: Topology) -> bool:
    """Whether the compiler accepted a step and it takes no more than the published memory."""
    return not step.refused and step.memory <= topology.chip.memory


def largest_batch(steps: Sequence[Compiled], topology: Topology, masks: int = 1) -> int:
    """Returns how many images per step fit on all chips together; 0 where none does.

    Memory is taken as affine in the images. Of two compiled batches both terms are known; of one
    the temporaries are taken as proportional, which says too few images rather than too many.

    Args:
        steps: One compiled step, or two of different batches.
        topology: The chips.
        masks: How many of them hold the same pictures (`mesh.masks`).
    """
    first, last = (min(steps, key=_batch), max(steps, key=_batch))
    if first.refused:
        return 0
    chips = topology.count // masks
    here = first.batch / chips
    if len(steps) > 1 and not last.refused:
        slope = (last.memory - first.memory) / (last.batch / chips - here)
    else:
        slope = (first.temporaries + first.arguments["batch"]) / here
    fixed = first.memory - slope * here
    most = math.floor((topology.chip.memory - fixed) / max(slope, 1.0))
    if last.refused:
        most = min(most, last.batch // chips - 1)
    return max(most, 0) * chips


def advice(config: Config, step: Compiled, topology: Topology) -> list[str]:
    """Returns what would make a step smaller or faster, the most effective first.

    Args:
        config: The experiment.
        step: What the compiler told.
        topology: The chips.
    """
    lines, chips = [], topology.count // config.mesh.masks
    if config.model.clip.compute_dtype == "float32":
        lines.append("--model.clip.compute-dtype bfloat16: half of the memory and of the traffic")
    if fits(step, topology):
        return lines
    if (parts := step.batch // chips) > config.step.accumulate:
        lines.append(f"--step.accumulate {parts}: one image per chip at a time, the same gradient")
    if config.step.remat == "none":
        lines.append("--step.remat full: blocks keep their input alone and are computed twice")
    kept = sum(step.arguments[name] for name in ("trained parameters", "moments"))
    frozen = step.arguments["frozen parameters"]
    if kept + frozen > LARGE * topology.chip.memory and config.mesh.fsdp == 1:
        lines.append("--mesh.fsdp 4: each chip keeps a quarter of the large parameters and moments")
    if step.batch <= chips:
        lines.append("a chip with more memory, or smaller data.image-size: one image does not fit")
    return lines


def _batch(step: Compiled) -> int:
    return step.batch
