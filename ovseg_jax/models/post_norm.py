"""Transformer layers with the norm after the sum, as DETR and its descendants have them."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import xavier_uniform
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.models.layers import LayerNorm
from ovseg_jax.models.transformer import Attention

EPS = 1e-5
"""Epsilon of every norm here, torch's default."""


class AttentionLayer(nn.Module):
    """norm(x + attention(x + positions, keys, values)).

    Positions enter queries and keys, never values, so the caller passes keys and values apart.

    Attributes:
        width: Channels.
        heads: Attention heads.
    """

    width: int
    heads: int
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares attention and norm."""
        init = xavier_uniform()
        self.attention = Attention(
            self.width, self.heads, eps=EPS, input_init=init, output_init=init, dtype=self.dtype
        )
        self.norm = LayerNorm(EPS)

    def __call__(
        self,
        x: Float[Array, "b q c"],
        keys: Float[Array, "b l c"],
        values: Float[Array, "b l c"],
        positions: Float[Array, "#b q c"] | None = None,
        bias: Float[Array, "#b #h #q #l"] | None = None,
    ) -> Float[Array, "b q c"]:
        """Lets tokens attend and adds what they found.

        Args:
            x: Tokens that ask.
            keys: Tokens that are asked, with their positions added.
            values: The same tokens without positions.
            positions: Of the tokens that ask.
            bias: Added to the attention's logits, such as a large negative number to block.
        """
        query = self.attention.queries(x if positions is None else x + positions)
        mixed = self.attention.mix(
            query, self.attention.keys(keys), self.attention.values(values), bias
        )
        return self.norm(x + mixed)


class FeedForwardLayer(nn.Module):
    """norm(x + reduce(relu(expand(x)))).

    Attributes:
        width: Channels.
        hidden: Width between the two maps.
    """

    width: int
    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*axes c"]) -> Float[Array, "*axes c"]:
        """Maps each token on its own."""
        shared = {"kernel_init": xavier_uniform(), "dtype": self.dtype}
        hidden = jax.nn.relu(nn.Dense(self.hidden, name="expand", **shared)(x))
        reduced = nn.Dense(self.width, name="reduce", **shared)(hidden)
        return LayerNorm(EPS, name="norm")(x + reduced)


class DeepMLP(nn.Module):
    """Linear maps with ReLU between them, such as the heads of DETR's queries.

    Attributes:
        hidden: Width of every layer but the last.
        out: Width of the last.
        layers: Number of linear maps.
    """

    hidden: int
    out: int
    layers: int = 3
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*axes c"]) -> Float[Array, "*axes out"]:
        """Maps each vector on its own."""
        for index in range(self.layers - 1):
            x = jax.nn.relu(nn.Dense(self.hidden, dtype=self.dtype, name=f"layer{index}")(x))
        return nn.Dense(self.out, dtype=self.dtype, name=f"layer{self.layers - 1}")(x)
