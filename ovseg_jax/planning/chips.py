"""What makers publish about their chips, and names of groups of them."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from ovseg_jax.foundation.devices import PEAK_TFLOPS
from ovseg_jax.foundation.errors import OvsegError


class TopologyError(OvsegError, ValueError):
    """There is no such group of chips; the message lists the forms that are understood."""


class Chip(NamedTuple):
    """Published numbers of one chip.

    Attributes:
        name: As in names of topologies.
        flops: Peak of dense bfloat16 products, FLOP/s.
        memory: High-bandwidth memory, bytes.
        bandwidth: Of that memory, bytes/s.
        network: To the other chips, in one direction, over all links, bytes/s.
        accelerator: What the cloud calls it, with the number of chips behind it; empty for GPUs.
        source: Where the numbers stand.
    """

    name: str
    flops: float
    memory: float
    bandwidth: float
    network: float
    accelerator: str
    source: str


def _peak(device: str) -> float:
    """The peak by JAX's name of a device, in FLOP/s."""
    return 1e12 * PEAK_TFLOPS[device]


_CLOUD, _H100 = "docs.cloud.google.com/tpu/docs", "NVIDIA H100 80GB HBM3"
CHIPS = {
    chip.name: chip
    for chip in (
        # Both directions of all links: 400, 800, 900 GB/s; one direction is half of it.
        Chip("v5e", _peak("TPU v5e"), 16e9, 819e9, 200e9, "v5litepod", f"{_CLOUD}/v5e"),
        Chip("v6e", _peak("TPU v6e"), 32e9, 1600e9, 400e9, "v6e", f"{_CLOUD}/v6e"),
        Chip("h100", _peak(_H100), 80e9, 3350e9, 450e9, "", "NVIDIA H100 SXM data sheet"),
    )
}
SQUARES = {1: (1, 1), 4: (2, 2), 8: (2, 4), 16: (4, 4), 32: (4, 8), 64: (8, 8)}
SQUARES |= {128: (8, 16), 256: (16, 16)}
"""Grids of a TPU slice by its number of chips (both generations have the same)."""
_COUNT = r"([1-9]\d{0,4})"
FORMS = "v5e-16, v5e-256, v6e-16, v5e:4x4, h100x8"


class Topology(NamedTuple):
    """A group of equal chips.

    Attributes:
        name: As it was given.
        chip: Which.
        grid: Sides of a TPU slice; empty for GPUs, which a switch connects.
        count: Chips.
    """

    name: str
    chip: Chip
    grid: tuple[int, ...]
    count: int

    @property
    def compiled_name(self) -> str:
        """What libtpu calls the slice, such as "v5e:4x4"."""
        return f"{self.chip.name}:{'x'.join(map(str, self.grid))}"


def topology(name: str) -> Topology:
    """Reads the name of a group of chips.

    Args:
        name: Such as "v5e-16", "v5e:4x4" or "h100x8".

    Raises:
        TopologyError: It is none.
    """
    found = re.fullmatch(r"([a-z]\w*?)(?:-N|:NxN|xN)".replace("N", _COUNT), name.strip().lower())
    chip = CHIPS.get(found[1]) if found else None
    if found is None or chip is None:
        raise TopologyError(f"--topology {name!r} is not known; give one such as {FORMS}")
    number, height, width, gpus = (int(part or 0) for part in found.groups()[1:])
    if bool(gpus) == bool(chip.accelerator):
        raise TopologyError(f"--topology {name!r}: TPUs have a - or :, GPUs an x, as in {FORMS}")
    if gpus:
        return Topology(name, chip, (), gpus)
    grid = (height, width) if height else SQUARES.get(number, ())
    if grid not in SQUARES.values():
        known = ", ".join(f"{chip.name}-{count}" for count in SQUARES)
        raise TopologyError(f"--topology {name!r}: there is no such slice; known: {known}")
    return Topology(name, chip, grid, math.prod(grid))
