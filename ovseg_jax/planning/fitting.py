"""How many images fit on a chip, and what to do where none does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ovseg_jax.config import Config
from ovseg_jax.foundation.errors import counted
from ovseg_jax.planning.chips import Topology
from ovseg_jax.planning.compiled import Compiled
from ovseg_jax.planning.given import is_accepted, with_fields

LARGE = 0.2
"""Parameters and moments above this part of the memory are worth sharing out."""
SHARERS = (4, 2)
"""Neighbours over which they are, where there are so many."""


def fits(step: Compiled, topology: Topology) -> bool:
    """Whether the compiler accepted a step and it takes no more than the published memory."""
    return not step.refused and step.memory <= topology.chip.memory


def largest_batch(steps: Sequence[Compiled], config: Config, topology: Topology) -> int:
    """Returns how many images per step fit on all chips together; 0 where none does.

    Memory is taken as affine in the images. Of two compiled batches both terms are known; of one
    the temporaries are taken as proportional, which is mostly too few images, and seldom a little
    too many.

    Args:
        steps: One compiled step, or two of different batches.
        config: The experiment: which chips hold the same images, and in how many parts.
        topology: The chips.
    """
    first, last = (min(steps, key=_batch), max(steps, key=_batch))
    if first.refused:
        return 0
    chips, parts = topology.count // config.mesh.masks, config.step.accumulate
    here = first.batch / chips
    if len(steps) > 1 and not last.refused:
        slope = (last.memory - first.memory) / (last.batch / chips - here)
    else:
        slope = (first.temporaries + first.arguments["batch"]) / here
    fixed = first.memory - slope * here
    most = math.floor((topology.chip.memory - fixed) / max(slope, 1.0))
    if last.refused:
        most = min(most, last.batch // chips - 1)
    return max(most // parts * parts, 0) * chips


def advice(config: Config, step: Compiled, topology: Topology) -> list[str]:
    """Returns what would make a step smaller or faster, the most effective first.

    Args:
        config: The experiment as it was planned.
        step: What the compiler told.
        topology: The chips.
    """
    lines, chips = [], topology.count // config.mesh.masks
    if config.model.clip.compute_dtype == "float32":
        lines.append("--model.clip.compute-dtype bfloat16: half of the memory and of the traffic")
    if fits(step, topology):
        return lines
    images = step.batch // chips
    room = largest_batch([step], config, topology) // chips // config.step.accumulate
    if parts := _parts(config, images, max(room, 1), topology):
        lines.append(
            f"--step.accumulate {parts}: {counted(images // parts, 'image')} per chip at a time, "
            "the same gradient"
        )
    if config.step.remat == "none":
        lines.append("--step.remat full: blocks keep their input alone and are computed twice")
    kept = sum(step.arguments[name] for name in ("trained parameters", "moments"))
    frozen = step.arguments["frozen parameters"]
    if kept + frozen > LARGE * topology.chip.memory and (sharers := _sharers(config, topology)):
        lines.append(
            f"--mesh.fsdp {sharers}: each chip keeps 1 of {sharers} parts of the large parameters "
            "and moments"
        )
    if step.batch <= chips:
        lines.append("a chip with more memory, or smaller data.image-size: one image does not fit")
    return lines


def _parts(config: Config, images: int, room: int, topology: Topology) -> int:
    """The fewest parts of a chip's images of which one has room; 0 if training takes none."""
    wanted = range(max(config.step.accumulate + 1, math.ceil(images / room)), images + 1)
    parts = next((count for count in wanted if images % count == 0), 0)
    changed = with_fields(config, "step", accumulate=parts)
    return parts if parts and is_accepted(changed, topology) else 0


def _sharers(config: Config, topology: Topology) -> int:
    """Over how many chips parameters can be split; 0 where they are already, or cannot be."""
    if config.mesh.fsdp != 1:
        return 0
    given = (with_fields(config, "mesh", fsdp=count) for count in SHARERS)
    return next((item.mesh.fsdp for item in given if is_accepted(item, topology)), 0)


def _batch(step: Compiled) -> int:
    return step.batch
