"""LoRA (arXiv 2106.09685) on a tower's attention, as a change of its parameters.

The products of the two factors are added to the kernels before the tower runs, which equals
running them beside it and costs nothing per token. FISA's Table 3(b) compares with it; which
projections and which scale is not stated, so it is all four and one.
"""

from __future__ import annotations

import flax.linen as nn
from jax.nn.initializers import lecun_normal, zeros
from jaxtyping import Array, Float

from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Params

PROJECTIONS = ("query", "key", "value", "output")


class Factors(nn.Module):
    """The two factors of one projection's change; the second starts at zero.

    Attributes:
        width: Channels of the projection.
        rank: Channels between the factors.
    """

    width: int
    rank: int

    @nn.compact
    def __call__(self) -> Float[Array, "c c"]:
        """Returns the change of the kernel, [in, out]."""
        down = self.param("down", lecun_normal(), (self.width, self.rank))
        up = self.param("up", zeros, (self.rank, self.width))
        return down @ up


class LowRank(nn.Module):
    """Changes of all attention projections of a tower.

    Attributes:
        width: Channels of the tower.
        blocks: Its number of blocks.
        rank: Channels between the factors.
    """

    width: int
    blocks: int
    rank: int

    def setup(self):
        """Declares the factors of every projection of every block."""
        self.factors = [
            Factors(self.width, self.rank, name=f"block{index}_{part}")
            for index in range(self.blocks)
            for part in PROJECTIONS
        ]

    def __call__(self, tower: Params) -> Params:
        """Returns the tower's parameters with all changes added to its attention kernels.

        Args:
            tower: Parameters of a `VisionTransformer`.
        """
        flat = trees.flatten(tower)
        places = [(index, part) for index in range(self.blocks) for part in PROJECTIONS]
        for (index, part), change in zip(places, self.factors, strict=True):
            flat[f"block{index}/attention/{part}/kernel"] += change()
        return trees.unflatten(flat)
