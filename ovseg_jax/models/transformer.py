"""The pre-norm transformer block of every CLIP tower, open at its joints.

Mask tokens (MaskCLIP, MaskCLIP++, FISA) look at the image but the image does not look at them. So
a tower runs once over the image and keeps a `Memory` per block; any number of further tokens then
`read` those memories, block by block, without running the image again.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal, normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.foundation.typing import Memory
from ovseg_jax.models.layers import MLP, Activation, LayerNorm, gelu
from ovseg_jax.ops.attention.dot_product import attention, shared_query_attention

Rotate = Callable[[Array], Array]
"""Turns queries and keys [b, l, h, d] by their positions."""


class Attention(nn.Module):
    """Multi-head attention with separate query, key and value projections.

    Attributes:
        width: Channels.
        heads: Number of heads; must divide the width.
        key_bias: Whether keys have a bias; EVA's have none.
        inner_norm: Norm of the joined heads before the output projection (EVA02).
        eps: Epsilon of that norm.
        input_init: Initialiser of the query, key and value kernels.
        output_init: Initialiser of the output kernel.
    """

    width: int
    heads: int
    key_bias: bool = True
    inner_norm: bool = False
    eps: float = 1e-6
    input_init: Initializer = lecun_normal()
    output_init: Initializer = lecun_normal()
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares the projections."""
        shared = {"kernel_init": self.input_init, "dtype": self.dtype}
        self.query = nn.Dense(self.width, **shared)
        self.key = nn.Dense(self.width, use_bias=self.key_bias, **shared)
        self.value = nn.Dense(self.width, **shared)
        self.output = nn.Dense(self.width, kernel_init=self.output_init, dtype=self.dtype)
        if self.inner_norm:
            self.norm = LayerNorm(self.eps)

    def queries(self, x: Float[Array, "b l c"]) -> Float[Array, "b l h d"]:
        """Returns the queries of tokens per head."""
        return self._by_head(self.query(x))

    def keys(self, x: Float[Array, "b l c"]) -> Float[Array, "b l h d"]:
        """Returns the keys of tokens per head."""
        return self._by_head(self.key(x))

    def values(self, x: Float[Array, "b l c"]) -> Float[Array, "b l h d"]:
        """Returns the values of tokens per head."""
        return self._by_head(self.value(x))

    def mix(
        self,
        query: Float[Array, "b l h d"],
        key: Float[Array, "b s h d"],
        value: Float[Array, "b s h d"],
        bias: Float[Array, "#b #h #l #s"] | None = None,
        causal: bool = False,
    ) -> Float[Array, "b l c"]:
        """Attends and projects the joined heads."""
        return self.join(attention(query, key, value, bias, causal=causal))

    def join(self, mixed: Float[Array, "b l h d"]) -> Float[Array, "b l c"]:
        """Projects what the heads found."""
        joined = mixed.reshape(*mixed.shape[:2], self.width)
        return self.output(self.norm(joined) if self.inner_norm else joined)

    def _by_head(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-1], self.heads, self.width // self.heads)


class GatedMLP(nn.Module):
    """SwiGLU with a norm before its last map: reduce(norm(silu(gate x) * expand x)).

    Attributes:
        hidden: Width between the maps.
        out: Width after them.
        eps: Epsilon of the norm.
    """

    hidden: int
    out: int
    eps: float = 1e-6
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*axes c"]) -> Float[Array, "*axes out"]:
        """Maps each vector on its own."""
        gate = jax.nn.silu(nn.Dense(self.hidden, dtype=self.dtype, name="gate")(x))
        gated = gate * nn.Dense(self.hidden, dtype=self.dtype, name="expand")(x)
        normed = LayerNorm(self.eps, name="norm")(gated)
        return nn.Dense(self.out, dtype=self.dtype, name="reduce")(normed)


class TransformerBlock(nn.Module):
    """Adds attention, then an MLP, each behind a norm.

    Attributes:
        attention: Mixes tokens.
        mlp: Maps each token.
        eps: Epsilon of both norms.
    """

    attention: Attention
    mlp: nn.Module
    eps: float = 1e-5

    def setup(self):
        """Declares the norms; attention and MLP come as fields."""
        self.attention_norm = LayerNorm(self.eps)
        self.mlp_norm = LayerNorm(self.eps)

    def __call__(
        self, x: Float[Array, "b l c"], *, causal: bool = False, rotate: Rotate | None = None
    ) -> Float[Array, "b l c"]:
        """Runs the block.

        Args:
            x: Tokens.
            causal: Each token sees itself and earlier ones only.
            rotate: Turns queries and keys by their positions.
        """
        return self.remember(x, causal=causal, rotate=rotate)[0]

    def remember(
        self, x: Float[Array, "b l c"], *, causal: bool = False, rotate: Rotate | None = None
    ) -> tuple[Float[Array, "b l c"], Memory]:
        """Runs the block and returns what `read` needs; under `jit` an unread memory is free."""
        normed = self.attention_norm(x)
        query, key = self.attention.queries(normed), self.attention.keys(normed)
        if rotate is not None:
            query, key = rotate(query), rotate(key)
        value = self.attention.values(normed)
        memory = Memory(tokens=x, normed=normed, keys=key, values=value)
        return self.finish(x, self.attention.mix(query, key, value, causal=causal)), memory

    def read(
        self,
        x: Float[Array, "b q c"],
        memory: Memory,
        bias: Float[Array, "#b #h #q #l"] | None = None,
        query: Float[Array, "b q h d"] | None = None,
    ) -> Float[Array, "b q c"]:
        """Runs tokens that see the remembered ones, but neither themselves nor each other.

        Args:
            x: Tokens that have no position, such as mask tokens.
            memory: Of the same block.
            bias: Added to the attention's logits, such as a large negative number outside a mask.
            query: Their queries; None for `query(attention_norm(x))`. FISA's come from words.
        """
        if query is None:
            query = self.attention.queries(self.attention_norm(x))
        return self.finish(x, self.attention.mix(query, memory.keys, memory.values, bias))

    def read_copies(
        self,
        x: Float[Array, "b 1 c"],
        memory: Memory,
        bias: Float[Array, "#b #h q l"],
    ) -> Float[Array, "b q c"]:
        """Runs q copies of one token that differ in their biases alone.

        Equal to `read` of the repeated token; the products of query and keys are computed once.
        """
        query = self.attention.queries(self.attention_norm(x))
        mixed = shared_query_attention(query, memory.keys, memory.values, bias)
        return self.finish(x, self.attention.join(mixed))

    def finish(
        self, x: Float[Array, "b _ c"], mixed: Float[Array, "b l c"]
    ) -> Float[Array, "b l c"]:
        """Adds the attention's result and runs the MLP."""
        x = x + mixed
        return x + self.mlp(self.mlp_norm(x))


def clip_block(  # noqa: PLR0913 - the sizes of a block, all by keyword
    *,
    width: int,
    heads: int,
    layers: int,
    mlp_width: int = 0,
    activation: Activation = gelu,
    eps: float = 1e-5,
    gated: bool = False,
    key_bias: bool = True,
    dtype: DTypeLike = jnp.float32,
    name: str | None = None,
) -> TransformerBlock:
    """Returns a block with CLIP's initialisation: spread shrinks with width and depth.

    Args:
        width: Channels.
        heads: Attention heads.
        layers: Blocks of the whole tower.
        mlp_width: Width inside the MLP; 0 for four times the channels.
        activation: Between the MLP's two maps.
        eps: Epsilon of all norms.
        gated: SwiGLU, and a norm of the joined heads, in place of the MLP (EVA02).
        key_bias: Whether keys have a bias.
        dtype: Compute type.
        name: Of the submodule, inside a compact method.
    """
    hidden = mlp_width or 4 * width
    residual = normal(width**-0.5 * (2 * layers) ** -0.5)
    inits = {"input_init": normal(width**-0.5), "output_init": residual}
    shared = {"dtype": dtype, "parent": None}
    mlp = MLP(hidden, width, activation, normal((2 * width) ** -0.5), residual, **shared)
    return TransformerBlock(
        attention=Attention(width, heads, key_bias, gated, eps, **inits, **shared),
        mlp=GatedMLP(hidden, width, eps, **shared) if gated else mlp,
        eps=eps,
        name=name,
    )
