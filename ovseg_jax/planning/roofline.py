"""How long a step takes at least, by the published numbers of a chip."""

from __future__ import annotations

from typing import NamedTuple

from ovseg_jax.planning.chips import Chip
from ovseg_jax.planning.compiled import Compiled


class Roofline(NamedTuple):
    """Seconds of one step that each part of a chip takes at its peak.

    Attributes:
        compute: Products at the peak of bfloat16, which TPUs use for float32 too by default.
        memory: All bytes that operations read and write, as if none stayed in a cache.
        network: What one device sends, over all its links in one direction.
    """

    compute: float
    memory: float
    network: float

    @property
    def shortest(self) -> float:
        """The slowest part alone: everything else happens meanwhile."""
        return max(self)

    @property
    def longest(self) -> float:
        """One part after the other; a program without gaps takes no longer at these peaks."""
        return sum(self)

    @property
    def bound(self) -> str:
        """The name of the slowest part."""
        return max(self._asdict().items(), key=lambda part: part[1])[0]


def roofline(step: Compiled, chip: Chip) -> Roofline:
    """Divides the work of a step by the peaks of a chip.

    Args:
        step: What the compiler told.
        chip: Its published numbers.
    """
    sent = sum(item.sent for item in step.collectives)
    return Roofline(step.flops / chip.flops, step.accessed / chip.bandwidth, sent / chip.network)
