"""SAM's image encoder: a ViT with windows, a few global blocks, and relative positions."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import normal, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from ovseg_jax.models.layers import MLP, LayerNorm
from ovseg_jax.ops.attention.relative_position import relative_attention
from ovseg_jax.ops.images.resize import resize

EPS = 1e-6
PATCH = 16


class SamImageEncoder(nn.Module):
    """Patches, transformer, and a neck of two convolutions.

    Matches `ImageEncoderViT` of facebookresearch/segment-anything (docs/reference 7.2).

    Attributes:
        width: Channels of the transformer.
        depth: Blocks.
        heads: Attention heads.
        global_blocks: Blocks in which every cell sees every other; the others see windows.
        image_size: Side of the square input in pixels.
        window: Side of the windows in cells.
        out: Channels of the result.
    """

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    image_size: int = 1024
    window: int = 14
    out: int = 256
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "b S S 3"]) -> Float[Array, "b s s c"]:
        """Encodes normalised images, zero in the padding."""
        side = self.image_size // PATCH
        x = nn.Conv(
            self.width,
            (PATCH, PATCH),
            strides=(PATCH, PATCH),
            padding="VALID",
            dtype=self.dtype,
            name="patches",
        )(images.astype(self.dtype))
        positions = self.param("positions", normal(0.02), (1, side, side, self.width))
        x = x + positions.astype(x.dtype)
        for index in range(self.depth):
            window = 0 if index in self.global_blocks else self.window
            x = SamBlock(self.heads, window, side, self.dtype, name=f"block{index}")(x)
        shared = {"use_bias": False, "dtype": self.dtype}
        x = nn.Conv(self.out, (1, 1), name="neck1", **shared)(x)
        x = LayerNorm(EPS, name="neck1_norm")(x)
        x = nn.Conv(self.out, (3, 3), padding=((1, 1), (1, 1)), name="neck2", **shared)(x)
        return LayerNorm(EPS, name="neck2_norm")(x)


class SamBlock(nn.Module):
    """Attention in windows or over everything, then an MLP; each behind a norm and added.

    Attributes:
        heads: Attention heads.
        window: Side of the windows; 0 for none.
        grid: Side of the grid that relative positions were trained on, without windows.
    """

    heads: int
    window: int
    grid: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Runs the block; windows at the rim are filled up with zeros after the norm."""
        normed = LayerNorm(EPS, name="attention_norm")(x)
        attention = GridAttention(
            self.heads, self.window or self.grid, self.dtype, name="attention"
        )
        if self.window:
            margins = [(0, -side % self.window) for side in x.shape[1:3]]
            padded = jnp.pad(normed, ((0, 0), *margins, (0, 0)))
            mixed = _join(attention(_split(padded, self.window)), padded.shape)
            mixed = mixed[:, : x.shape[1], : x.shape[2]]
        else:
            mixed = attention(normed)
        x = x + mixed
        mlp = MLP(4 * x.shape[-1], x.shape[-1], dtype=self.dtype, name="mlp")
        return x + mlp(LayerNorm(EPS, name="mlp_norm")(x))


class GridAttention(nn.Module):
    """Attention between the cells of a grid, with offsets from the query by row and column.

    Attributes:
        heads: Attention heads.
        trained: Side of the grid that the relative positions were trained on; for another grid
            they are interpolated.
    """

    heads: int
    trained: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Lets every cell see all others."""
        batch, height, width, channels = x.shape
        depth = channels // self.heads
        tokens = x.reshape(batch, -1, channels)
        query, key, value = (
            nn.Dense(channels, dtype=self.dtype, name=name)(tokens).reshape(
                batch, -1, self.heads, depth
            )
            for name in ("query", "key", "value")
        )
        # Offsets come from the queries before they are scaled.
        grid = query.reshape(batch, height, width, self.heads, depth)
        rows = jnp.einsum("bijhd,ikd->bijhk", grid, self._relative("rows", height, depth))
        columns = jnp.einsum("bijhd,jkd->bijhk", grid, self._relative("columns", width, depth))
        flat = (batch, height * width, self.heads, -1)
        mixed = relative_attention(query, key, value, rows.reshape(flat), columns.reshape(flat))
        joined = mixed.reshape(batch, height, width, channels)
        return nn.Dense(channels, dtype=self.dtype, name="output")(joined)

    def _relative(self, axis: str, size: int, depth: int) -> Float[Array, "n n d"]:
        """What a query is multiplied with, for every pair of places on an axis."""
        table = self.param(f"relative_{axis}", zeros, (2 * self.trained - 1, depth))
        if size != self.trained:
            table = resize(table[None, None], (1, 2 * size - 1))[0, 0]
        return table[_distances(size)].astype(self.dtype)


def _distances(size: int) -> Int[np.ndarray, "n n"]:
    """Row of the table for every pair: how far apart, from the largest negative on."""
    return np.arange(size)[:, None] - np.arange(size)[None] + size - 1


def _split(x: Float[Array, "b h w c"], window: int) -> Float[Array, "n side side c"]:
    batch, height, width, channels = x.shape
    cells = x.reshape(batch, height // window, window, width // window, window, channels)
    return cells.swapaxes(2, 3).reshape(-1, window, window, channels)


def _join(x: Float[Array, "n side side c"], shape: tuple[int, ...]) -> Float[Array, "b h w c"]:
    batch, height, width, channels = shape
    side = x.shape[1]
    cells = x.reshape(batch, height // side, width // side, side, side, channels)
    return cells.swapaxes(2, 3).reshape(shape)
