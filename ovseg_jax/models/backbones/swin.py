"""The Swin transformer: attention inside windows that shift from block to block."""

from __future__ import annotations

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import truncated_normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from ovseg_jax.models.layers import MLP, DropPath, LayerNorm
from ovseg_jax.models.transformer import Attention
from ovseg_jax.ops.sizes import map_size

EPS = 1e-5
BLOCKED = -100.0
"""Added between pixels that only the shift made neighbours; the published value."""


class SwinBackbone(nn.Module):
    """Four stages of windowed attention, each with an output norm of its own.

    Matches `SwinTransformer` of Mask2Former's and MaskFormer's repositories (docs/reference 6.2).

    Attributes:
        width: Channels of the first stage; each further one has twice as many.
        depths: Blocks per stage.
        heads: Attention heads per stage.
        window: Side of the windows in cells.
        drop_rate: Stochastic depth of the last block, rising linearly from 0; it acts only when
            an rng named "stochastic_depth" is passed.
    """

    width: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int
    drop_rate: float = 0.3
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "b H W 3"]) -> dict[str, Float[Array, "b _h _w _c"]]:
        """Returns "res2" at stride 4 to "res5" at stride 32; any input size."""
        x = PatchEmbedding(self.width, self.dtype, name="patches")(images.astype(self.dtype))
        rates = np.linspace(0, self.drop_rate, sum(self.depths)).tolist()
        maps = {}
        for stage, (depth, heads) in enumerate(zip(self.depths, self.heads, strict=True)):
            if stage:
                x = PatchMerging(self.dtype, name=f"merge{stage}")(x)
            for index in range(depth):
                x = SwinBlock(
                    heads=heads,
                    window=self.window,
                    shift=self.window // 2 if index % 2 else 0,
                    drop_rate=rates.pop(0),
                    dtype=self.dtype,
                    name=f"stage{stage}_block{index}",
                )(x)
            maps[f"res{stage + 2}"] = LayerNorm(EPS, name=f"norm{stage}")(x)
        return maps


class PatchEmbedding(nn.Module):
    """Patches of 4 x 4 pixels, padded on the right and below, and a norm."""

    width: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "b H W 3"]) -> Float[Array, "b h w c"]:
        """Embeds patches."""
        images = _pad_to(images, 4)
        x = nn.Conv(
            self.width, (4, 4), strides=(4, 4), padding="VALID", dtype=self.dtype, name="projection"
        )(images)
        return LayerNorm(EPS, name="norm")(x)


class PatchMerging(nn.Module):
    """Four neighbours become one cell of twice the channels."""

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h0 w0 c0"]) -> Float[Array, "b h w c"]:
        """Merges; the order of neighbours is column by column, as published."""
        x = _pad_to(x, 2)
        batch, height, width, channels = x.shape
        cells = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
        cells = cells.transpose(0, 1, 3, 4, 2, 5).reshape(batch, height // 2, width // 2, -1)
        normed = LayerNorm(EPS, name="norm")(cells)
        return nn.Dense(2 * channels, use_bias=False, dtype=self.dtype, name="reduce")(normed)


class SwinBlock(nn.Module):
    """Windowed attention and an MLP, each behind a norm and added.

    Attributes:
        heads: Attention heads.
        window: Side of the windows in cells.
        shift: Cells by which the windows are shifted.
        drop_rate: Probability of dropping a branch; see `DropPath`.
    """

    heads: int
    window: int
    shift: int
    drop_rate: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Runs the block."""
        width = x.shape[-1]
        x = x + DropPath(self.drop_rate)(self._attend(LayerNorm(EPS, name="attention_norm")(x)))
        mlp = MLP(4 * width, width, dtype=self.dtype, name="mlp")
        return x + DropPath(self.drop_rate)(mlp(LayerNorm(EPS, name="mlp_norm")(x)))

    def _attend(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Attention inside windows; the grid is padded with zeros after the norm."""
        batch, height, width, channels = x.shape
        x = _pad_to(x, self.window)
        grid = map_size(x)
        if self.shift:
            x = jnp.roll(x, (-self.shift, -self.shift), (1, 2))
        tokens = _split(x, self.window)
        attention = Attention(channels, self.heads, dtype=self.dtype, name="attention")
        mixed = attention.mix(
            attention.queries(tokens),
            attention.keys(tokens),
            attention.values(tokens),
            self._bias(grid, batch),
        )
        x = _join(mixed, self.window, grid)
        if self.shift:
            x = jnp.roll(x, (self.shift, self.shift), (1, 2))
        return x[:, :height, :width]

    def _bias(self, grid: tuple[int, int], batch: int) -> Float[Array, "_b heads l l"]:
        """Relative positions, the same for all windows; in shifted ones, what must not be seen."""
        rows = (2 * self.window - 1) ** 2
        table = self.param("relative_positions", truncated_normal(0.02), (rows, self.heads))
        bias = jnp.moveaxis(table[_relative_index(self.window)], -1, 0)[None]
        if not self.shift:
            return bias
        regions = _regions(grid, self.window, self.shift)
        # Compared by the program: pairs of a whole batch kept as a constant took 10 MB an image.
        cells = jax.lax.optimization_barrier(jnp.asarray(regions))
        cells = jnp.broadcast_to(cells, (batch, *cells.shape)).reshape(-1, cells.shape[-1])
        apart = cells[:, :, None] != cells[:, None]
        return bias + jnp.where(apart, BLOCKED, 0.0)[:, None]


def _pad_to(x: Float[Array, "b h w c"], multiple: int) -> Float[Array, "b _h _w c"]:
    margins = [(0, -side % multiple) for side in x.shape[1:3]]
    return jnp.pad(x, ((0, 0), *margins, (0, 0))) if margins != [(0, 0)] * 2 else x


def _split(x: Float[Array, "b h w c"], window: int) -> Float[Array, "windows l c"]:
    """Cuts a grid into windows, row by row."""
    batch, height, width, channels = x.shape
    cells = x.reshape(batch, height // window, window, width // window, window, channels)
    return cells.swapaxes(2, 3).reshape(-1, window * window, channels)


def _join(x: Float[Array, "windows l c"], window: int, grid: tuple[int, int]) -> Array:
    """Undoes `_split`."""
    rows, columns = grid[0] // window, grid[1] // window
    cells = x.reshape(-1, rows, columns, window, window, x.shape[-1])
    return cells.swapaxes(2, 3).reshape(-1, *grid, x.shape[-1])


@functools.lru_cache
def _relative_index(window: int) -> Int[np.ndarray, "l l"]:
    """Row of the table of relative positions for every pair of cells of a window."""
    cells = np.moveaxis(np.mgrid[:window, :window], 0, -1).reshape(-1, 2)
    apart = cells[:, None] - cells[None] + window - 1
    # JAX notes the type of a kept constant once; one of 64 bits is wrong in one of x64's modes.
    return (apart[..., 0] * (2 * window - 1) + apart[..., 1]).astype(np.int32)


@functools.lru_cache
def _regions(grid: tuple[int, int], window: int, shift: int) -> Int[np.ndarray, "windows l"]:
    """Numbers parts of the picture that share shifted windows without being neighbours in it."""
    parts = [np.digitize(np.arange(side), [side - window, side - shift]) for side in grid]
    region = (parts[0][:, None] * 3 + parts[1])[None, :, :, None].astype(np.int32)
    windows = region.reshape(1, grid[0] // window, window, grid[1] // window, window, 1)
    return windows.swapaxes(2, 3).reshape(-1, window * window)
