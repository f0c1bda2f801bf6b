"""The deformable pixel decoder of Mask2Former, FC-CLIP and MAFT+."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import normal, xavier_uniform, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import PixelFeatures
from ovseg_jax.models.layers import LayerNorm
from ovseg_jax.models.post_norm import EPS, FeedForwardLayer
from ovseg_jax.ops.attention.deformable import deformable_sample
from ovseg_jax.ops.attention.sine import sine_positions
from ovseg_jax.ops.images.resize import resize
from ovseg_jax.ops.sizes import map_size

GROUPS = 32


class ConvGroupNorm(nn.Module):
    """Convolution and group norm, padded so that the size stays.

    Attributes:
        width: Channels of the result; with fewer than 32, each is a group of its own.
        kernel: Side of the kernel, odd.
        use_bias: Whether the convolution has a bias.
    """

    width: int
    kernel: int = 1
    use_bias: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c0"]) -> Float[Array, "b h w c"]:
        """Convolves and normalises."""
        margin = self.kernel // 2
        x = nn.Conv(
            self.width,
            (self.kernel, self.kernel),
            padding=((margin, margin), (margin, margin)),
            use_bias=self.use_bias,
            dtype=self.dtype,
            name="convolution",
        )(x)
        groups = min(GROUPS, self.width)
        return nn.GroupNorm(groups, epsilon=EPS, dtype=self.dtype, name="norm")(x)


class DeformableAttention(nn.Module):
    """Every token reads a few learned places near its own on every level.

    Matches `MSDeformAttn` of Deformable-DETR.

    Attributes:
        width: Channels.
        heads: Each with its own places.
        levels: Maps.
        points: Places per head and level.
    """

    width: int
    heads: int
    levels: int
    points: int = 4
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        tokens: Float[Array, "b l c"],
        positions: Float[Array, "l c"],
        sizes: tuple[tuple[int, int], ...],
    ) -> Float[Array, "b l c"]:
        """Samples the tokens' own maps.

        Args:
            tokens: All levels in a row, each row by row.
            positions: Added to the tokens where they choose places and weights.
            sizes: Height and width of each level.
        """
        shape = (*tokens.shape[:2], self.heads, self.levels, self.points)
        query = tokens + positions.astype(tokens.dtype)
        samples = math.prod(shape[2:])
        offsets = nn.Dense(2 * samples, kernel_init=zeros, bias_init=self._star, name="offsets")
        weights = nn.Dense(samples, kernel_init=zeros, name="weights")
        shared = {"kernel_init": xavier_uniform(), "dtype": self.dtype}
        values = nn.Dense(self.width, name="value", **shared)(tokens)
        scale = np.array([(w, h) for h, w in sizes], np.float32)[:, None]
        centres = jnp.asarray(_centres(sizes)[:, None, None, None])
        places = centres + offsets(query).reshape(*shape, 2) / scale
        weights = jax.nn.softmax(weights(query).reshape(*shape[:3], -1), axis=-1).reshape(shape)
        mixed = deformable_sample(self._maps(values, sizes), places, weights)
        return nn.Dense(self.width, name="output", **shared)(mixed.reshape(tokens.shape))

    def _maps(self, values: Array, sizes: tuple[tuple[int, int], ...]) -> list[Array]:
        depth = self.width // self.heads
        return [part.reshape(*part.shape[:3], self.heads, depth) for part in unrow(values, sizes)]

    def _star(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Each head starts in a direction of its own, its points one behind the other."""
        angles = np.arange(self.heads) * (2 * math.pi / self.heads)
        rays = np.stack([np.cos(angles), np.sin(angles)], -1)
        rays = rays / np.abs(rays).max(-1, keepdims=True)
        steps = np.arange(1, self.points + 1)[:, None]
        star = np.broadcast_to(
            rays[:, None, None] * steps, (self.heads, self.levels, self.points, 2)
        )
        return jnp.asarray(star.reshape(shape), dtype)


class DeformableLayer(nn.Module):
    """Deformable attention, then a feed-forward part, each with the norm after the sum."""

    width: int
    heads: int
    levels: int
    points: int
    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, tokens: Array, positions: Array, sizes: tuple) -> Float[Array, "b l c"]:
        """Runs the layer; see `DeformableAttention`."""
        attention = DeformableAttention(
            self.width, self.heads, self.levels, self.points, self.dtype, name="attention"
        )
        mixed = LayerNorm(EPS, name="norm")(tokens + attention(tokens, positions, sizes))
        return FeedForwardLayer(self.width, self.hidden, self.dtype, name="feed_forward")(mixed)


class DeformableDecoder(nn.Module):
    """Encodes the coarse trunk maps together, and takes the finest up to mask resolution.

    Matches `MSDeformAttnPixelDecoder` of Mask2Former, FC-CLIP and MAFT+ (docs/reference 5.2).

    Attributes:
        width: Channels of the encoded maps.
        mask_width: Channels of the map that masks are read from.
        heads: Attention heads.
        levels: Trunk maps that are encoded: the coarsest so many.
        points: Places that each head reads per level.
        encoder_layers: Layers over all encoded maps.
        hidden: Width of their feed-forward part.
    """

    width: int
    mask_width: int
    heads: int
    levels: int
    encoder_layers: int
    hidden: int
    points: int = 4
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, pyramid: dict[str, Float[Array, "b _h _w _c"]]) -> PixelFeatures:
        """Decodes trunk maps, by name from "res2" at stride 4 on.

        Raises:
            ModelError: There are fewer maps than levels and one more.
        """
        names = sorted(pyramid)
        if len(names) <= self.levels:
            raise ModelError(
                f"{self.levels} levels and one finer map are needed, the trunk has {names}"
            )
        coarse = [pyramid[name].astype(self.dtype) for name in names[: -self.levels - 1 : -1]]
        levels = self._encode(coarse)
        return PixelFeatures(
            masks=self._masks(pyramid[names[0]].astype(self.dtype), levels[-1]),
            levels=tuple(levels),
        )

    def _encode(self, maps: list[Array]) -> list[Array]:
        sizes = tuple(map_size(x) for x in maps)
        inputs = [
            ConvGroupNorm(self.width, use_bias=True, dtype=self.dtype, name=f"input{index}")(x)
            for index, x in enumerate(maps)
        ]
        tokens = jnp.concatenate([x.reshape(len(x), -1, self.width) for x in inputs], axis=1)
        embedding = self.param("level_embedding", normal(1.0), (self.levels, self.width))
        sines = [sine_positions(*size, self.width).reshape(-1, self.width) for size in sizes]
        positions = jnp.concatenate([s + e for s, e in zip(sines, embedding, strict=True)])
        for index in range(self.encoder_layers):
            tokens = DeformableLayer(
                self.width,
                self.heads,
                self.levels,
                self.points,
                self.hidden,
                self.dtype,
                name=f"layer{index}",
            )(tokens, positions, sizes)
        return unrow(tokens, sizes)

    def _masks(self, finest: Array, encoded: Array) -> Array:
        """Adds the finest encoded map to the finest trunk map and smooths the sum."""
        lateral = ConvGroupNorm(self.width, dtype=self.dtype, name="lateral")(finest)
        joined = lateral + resize(encoded, map_size(lateral))
        smooth = ConvGroupNorm(self.width, 3, dtype=self.dtype, name="smooth")(joined)
        return nn.Dense(self.mask_width, dtype=self.dtype, name="mask_features")(
            jax.nn.relu(smooth)
        )


def unrow(tokens: Float[Array, "b l c"], sizes: tuple[tuple[int, int], ...]) -> list[Array]:
    """Cuts tokens of all levels into maps."""
    ends = np.cumsum([h * w for h, w in sizes])[:-1].tolist()
    parts = jnp.split(tokens, ends, axis=1)
    return [x.reshape(len(x), *size, -1) for x, size in zip(parts, sizes, strict=True)]


def _centres(sizes: tuple[tuple[int, int], ...]) -> Float[np.ndarray, "l 2"]:
    """Column and row of every token, 0 to 1 over its own level, which counts for all levels."""
    grids = []
    for height, width in sizes:
        y, x = np.mgrid[:height, :width]
        grids.append(np.stack([(x + 0.5) / width, (y + 0.5) / height], -1).reshape(-1, 2))
    return np.concatenate(grids).astype(np.float32)
