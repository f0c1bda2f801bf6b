"""Learned tokens for crops: mask prompts (OVSeg, arXiv 2210.04150, section 3.3), and VPT beside.

A crop with its surroundings blanked out has patches that show nothing. Mask prompts stand in those
patches, so that CLIP need not read blankness; the image's own tokens stay as they are.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import normal
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from ovseg_jax.models.clip.vit import Edit


class MaskPrompts(nn.Module):
    """One token per depth and patch, put where a crop shows nothing.

    Depth 0 acts before positions are added; depth d behind block d, without positions. Matches
    the mask prompts of facebookresearch/ov-seg (docs/reference 3.3).

    Attributes:
        depth: How often prompts are put in.
        cells: Patches of a crop.
        width: Channels of the tower.
    """

    depth: int
    cells: int
    width: int
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares the prompts."""
        shape = (self.depth, self.cells, self.width)
        self.mask_embedding = self.param("mask_embedding", normal(0.02), shape)

    def __call__(self, kept: Bool[Array, "b h w"]) -> dict[int, Edit]:
        """Returns the edits of `VisionTransformer.run`.

        Args:
            kept: Patches that show something of the object.
        """

        def edit(prompt: Array) -> Edit:
            prompt = prompt.reshape(*kept.shape[1:], self.width).astype(self.dtype)
            return lambda cells: jnp.where(kept[..., None], cells, prompt)

        return {depth: edit(self.mask_embedding[depth]) for depth in range(self.depth)}


class DeepPrompts(nn.Module):
    """Visual prompt tuning, the baseline: further tokens before the patches, new in each block.

    Attributes:
        depth: Blocks with prompts of their own, from the first; behind them the last ones stay.
        count: Tokens.
        width: Channels of the tower.
    """

    depth: int
    count: int
    width: int

    def setup(self):
        """Declares the prompts."""
        shape = (self.depth, self.count, self.width)
        self.tokens = self.param("tokens", normal(0.02), shape)

    def __call__(self) -> dict[int, Float[Array, "n c"]]:
        """Returns the tokens of each block that has new ones."""
        return {depth: self.tokens[depth] for depth in range(self.depth)}


def kept_patches(masks: Bool[Array, "b height width"], patch: int) -> Bool[Array, "b h w"]:
    """Marks the patches in which a mask has any pixel."""
    batch, height, width = masks.shape
    tiles = masks.reshape(batch, height // patch, patch, width // patch, patch)
    return tiles.any((2, 4))
