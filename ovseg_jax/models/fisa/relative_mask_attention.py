"""Relative mask attention of MaskCLIP: logits of mask tokens over patches that see the mask itself.

At some blocks the mask is read patch by patch and compared with the image's patches; the products
join those of the mask token's own query, and what query and key have in common refines the mask.
Source: MaskCLIP (arXiv 2208.08984, section 3.3); docs/reference 4.2.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.foundation.typing import Memory
from ovseg_jax.models.layers import LayerNorm, quick_gelu


class RelativeMaskAttention(nn.Module):
    """What one block adds to its attention for masks.

    Attributes:
        width: Channels of the tower.
        heads: Its attention heads.
        patch: Side of a patch in pixels.
    """

    width: int
    heads: int
    patch: int
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares the mask's patches, their norm, the keys, and the way back to pixels."""
        side = (self.patch, self.patch)
        self.patches = nn.Conv(self.width, side, side, padding="VALID", dtype=self.dtype)
        self.query_norm = LayerNorm(1e-5)
        self.key = nn.Dense(self.width, dtype=self.dtype)
        self.pixels = nn.Dense(self.patch**2, dtype=self.dtype)

    def products(
        self, masks: Float[Array, "b q H W"], normed: Float[Array, "b l c"]
    ) -> Float[Array, "b heads q l"]:
        """Compares every mask's patches with the image's, place by place.

        Args:
            masks: Logits at the size of the tower's images.
            normed: Patches of the image behind the block's first norm.
        """
        batch, count, height, width = masks.shape
        flat = jnp.tanh(masks).reshape(batch * count, height, width, 1)
        query = self.query_norm(self.patches(flat.astype(self.dtype)))
        query = query.reshape(batch, count, -1, self.heads, self.width // self.heads)
        key = self.key(normed).reshape(batch, -1, self.heads, self.width // self.heads)
        found = jnp.einsum("bqlhd,blhd->bhql", query, key, preferred_element_type=jnp.float32)
        return found * query.shape[-1] ** -0.5

    def residual(
        self, query: Float[Array, "b q h d"], keys: Float[Array, "b l h d"], grid: tuple[int, int]
    ) -> Float[Array, "b q H W"]:
        """Returns what is added to the masks' logits, from query times key per channel.

        Args:
            query: Of the mask tokens.
            keys: Of the image's patches.
            grid: Rows and columns of patches.
        """
        batch, count, _, depth = query.shape
        products = jnp.einsum("bqhd,blhd->bqlhd", query * depth**-0.5, keys)
        products = products.reshape(batch, count, -1, self.width)
        cells = self.pixels(quick_gelu(products)).astype(jnp.float32)
        cells = cells.reshape(batch, count, *grid, self.patch, self.patch)
        size = (grid[0] * self.patch, grid[1] * self.patch)
        return jnp.swapaxes(cells, 3, 4).reshape(batch, count, *size)


def joined(
    memory: Memory,
    bias: Float[Array, "b 1 q l"],
    products: Float[Array, "b h q n"],
) -> tuple[Memory, Float[Array, "b h q l"]]:
    """Averages two logits over patches, (query · key + products) / 2, by memory and bias alone.

    The class token's logit, in front, stays whole.

    Args:
        memory: Of the block.
        bias: Which tokens each mask sees.
        products: Further logits over the patches, which are the last n tokens.

    Returns:
        The memory with halved keys, and the bias with the halves of the products.
    """
    prefix = memory.keys.shape[1] - products.shape[-1]
    share = jnp.where(jnp.arange(memory.keys.shape[1]) < prefix, 1.0, 0.5)
    keys = memory.keys * share[:, None, None].astype(memory.keys.dtype)
    halves = jnp.pad(products / 2, ((0, 0), (0, 0), (0, 0), (prefix, 0)))
    return memory.replace(keys=keys), bias + halves
