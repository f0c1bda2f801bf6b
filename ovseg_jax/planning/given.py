"""Whether training would take an experiment on some chips, and with which batch."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ovseg_jax.config import Config
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation import devices
from ovseg_jax.foundation.errors import counted
from ovseg_jax.planning.chips import Topology
from ovseg_jax.training import preflight, shares
from ovseg_jax.training.problems import Problems


def planned(config: Config, topology: Topology) -> Config:
    """Returns the experiment as it would run there: its batch rounded up, "auto" decided.

    Args:
        config: The experiment.
        topology: The chips.

    Raises:
        OvsegError: Training would refuse it; says all reasons that no file is read for.
    """
    if not config.num_steps:
        raise ConfigError("num_steps is 0: nothing trains; a plan is of a training step")
    problems = Problems()
    preflight.note_numbers(config, problems)
    problems.tell()
    apart = shares.groups(config, topology.count, topology.name) * config.step.accumulate
    rounded = math.ceil(config.data.batch_size / apart) * apart
    config = with_fields(_on_accelerators(config), "data", batch_size=rounded)
    preflight.note_step(config, problems, topology.count, topology.name)
    problems.tell()
    return config


def is_accepted(config: Config, topology: Topology) -> bool:
    """Whether training would take the step of an experiment there as it is.

    Args:
        config: The experiment.
        topology: The chips.
    """
    problems = Problems()
    preflight.note_step(config, problems, topology.count, topology.name)
    return not problems.lines()


def rounding(config: Config, rounded: Config, topology: Topology) -> str:
    """Says that the planned batch is not the config's own; empty where it is.

    Args:
        config: The experiment as given.
        rounded: As it would run, see `planned`.
        topology: The chips.
    """
    batch, parts = config.data.batch_size, config.step.accumulate
    if rounded.data.batch_size == batch:
        return ""
    taken = f", {counted(parts, 'part')} each" if parts > 1 else ""
    return (
        f"data.batch_size {batch} does not divide over "
        f"{shares.named(config, topology.count, 'chip')}{taken}; planned with "
        f"{rounded.data.batch_size}, which training needs too"
    )


def with_fields(config: Config, section: str, **fields: Any) -> Config:
    """Returns an experiment with other values in one of its sections.

    Args:
        config: The experiment.
        section: Its name.
        fields: The values.
    """
    changed: Any = {section: dataclasses.replace(getattr(config, section), **fields)}
    return dataclasses.replace(config, **changed)


def _on_accelerators(config: Config) -> Config:
    """Says what "auto" will mean where the run is planned, not here."""
    clip = config.model.clip
    dtype: Any = devices.compute_dtype(clip.compute_dtype, "accelerator")
    return with_fields(config, "model", clip=dataclasses.replace(clip, compute_dtype=dtype))
