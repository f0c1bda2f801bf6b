"""MaskFormer's pixel decoders: a feature pyramid, with or without an encoder at its end."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.foundation.typing import PixelFeatures
from ovseg_jax.models.generators.deformable_decoder import ConvGroupNorm
from ovseg_jax.models.post_norm import AttentionLayer, FeedForwardLayer
from ovseg_jax.ops.attention.sine import sine_positions
from ovseg_jax.ops.images.resize import resize
from ovseg_jax.ops.sizes import map_size


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, as in DETR."""

    width: int
    heads: int
    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b l c"], positions: Float[Array, "1 l c"]
    ) -> Float[Array, "b l c"]:
        """Runs the layer."""
        attention = AttentionLayer(self.width, self.heads, self.dtype, name="attention")
        x = attention(x, x + positions, x, positions)
        return FeedForwardLayer(self.width, self.hidden, self.dtype, name="feed_forward")(x)


class FpnDecoder(nn.Module):
    """Takes the coarsest trunk map up to stride 4, adding finer ones on the way.

    Matches `BasePixelDecoder` of MaskFormer and, with encoder layers, its
    `TransformerEncoderPixelDecoder` (docs/reference 6.4).

    Attributes:
        width: Channels on the way.
        mask_width: Channels of the map that masks are read from.
        encoder_layers: Attention layers on the coarsest map; with none, the query decoder gets
            that map as the trunk made it.
        heads: Attention heads of the encoder.
        hidden: Width of the encoder's feed-forward part.
    """

    width: int
    mask_width: int
    encoder_layers: int
    heads: int
    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, pyramid: dict[str, Float[Array, "b _h _w _c"]]) -> PixelFeatures:
        """Decodes trunk maps, by name from "res2" at stride 4 on."""
        maps = [pyramid[name].astype(self.dtype) for name in sorted(pyramid)]
        coarsest = self._encode(maps[-1]) if self.encoder_layers else maps[-1]
        x = self._smooth(coarsest, len(maps))
        for index in range(len(maps) - 1, 0, -1):
            name = f"lateral{index}"
            lateral = ConvGroupNorm(self.width, dtype=self.dtype, name=name)(maps[index - 1])
            x = self._smooth(lateral + resize(x, map_size(lateral), method="nearest"), index)
        masks = nn.Conv(
            self.mask_width,
            (3, 3),
            padding=((1, 1), (1, 1)),
            dtype=self.dtype,
            name="mask_features",
        )(x)
        return PixelFeatures(masks=masks, levels=(coarsest,))

    def _smooth(self, x: Array, index: int) -> Array:
        return jax.nn.relu(ConvGroupNorm(self.width, 3, dtype=self.dtype, name=f"smooth{index}")(x))

    def _encode(self, x: Array) -> Array:
        x = nn.Dense(self.width, dtype=self.dtype, name="input")(x)
        shape = x.shape
        sines = sine_positions(*shape[1:3], self.width).reshape(1, -1, self.width)
        tokens = x.reshape(shape[0], -1, self.width)
        for index in range(self.encoder_layers):
            layer = EncoderLayer(
                self.width, self.heads, self.hidden, self.dtype, name=f"layer{index}"
            )
            tokens = layer(tokens, jnp.asarray(sines))
        return tokens.reshape(shape)
