"""MAFT+'s content-dependent transfer: the image changes the words that it is compared with."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.models.layers import LayerNorm
from ovseg_jax.models.transformer import Attention
from ovseg_jax.ops.attention.sine import sine_positions

EPS = 1e-5


class ContentTransfer(nn.Module):
    """Rows of text attend to the projected map of an image.

    Matches `ContentDependentTransfer` of jiaosiyu1999/MAFT-Plus (docs/reference 5.7), whose two
    settings are different functions of the same parameters.

    Attributes:
        width: Of the joint space.
        heads: Attention heads.
        panoptic: Whether only the change is normalised, t + norm(change), rather than the sum,
            norm(t + change). Weights were trained for one of the two.
    """

    width: int
    heads: int
    panoptic: bool
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, rows: Float[Array, "s d"], projected: Float[Array, "b h w d"]
    ) -> Float[Array, "b s d"]:
        """Returns rows per image; they are not of unit length.

        Args:
            rows: Rows of text, void included.
            projected: The image's map in the joint space.
        """
        batch, height, width, channels = projected.shape
        positions = sine_positions(height, width, channels).reshape(1, -1, channels)
        values = projected.reshape(batch, -1, channels)
        attention = Attention(self.width, self.heads, dtype=self.dtype, name="attention")
        text = jnp.broadcast_to(rows, (batch, *rows.shape))
        mixed = attention.mix(
            attention.queries(text),
            attention.keys(values + positions),
            attention.values(values),
        )
        change = nn.Dense(self.width, dtype=self.dtype, name="linear")(mixed)
        norm = LayerNorm(EPS, name="norm")
        return text + norm(change) if self.panoptic else norm(text + change)


def scrambled(maps: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Reads a channels-first map as if its channels were last.

    MAFT+ flattens [c, h, w] to rows of c without moving the axis, so that a row mixes a few
    channels of many places. Its weights were trained so, and need it (docs/reference 1.2).
    """
    batch, height, width, channels = maps.shape
    return jnp.moveaxis(maps, -1, 1).reshape(batch, height, width, channels)
