"""SEVE, semantically enhanced visual extraction: mask tokens ask the words before the image.

Before a block's attention each mask token gathers what the words say,

    told = softmax(g_q(mask) · g_k(words)) g_v(words),

and its query to the image is CLIP's own projection of that. g_q, g_k and g_v are new. Source: FISA,
equations 1 to 5; what the paper leaves open is chosen as docs/reference 4.3 says. No code was
published.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.models.layers import LayerNorm
from ovseg_jax.models.transformer import TransformerBlock


class SemanticExtraction(nn.Module):
    """Attention of mask tokens over words, without an output projection (equations 3 and 4).

    Attributes:
        width: Channels of the mask tokens.
        heads: Attention heads, as in the tower.
        rank: Channels in which masks and words are compared; 0 for the full width.
        silent: Start with values of zero, for use beside a residual.
    """

    width: int
    heads: int
    rank: int
    silent: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        tokens: Float[Array, "b q c"],
        words: Float[Array, "k e"],
        valid: Bool[Array, " k"],
    ) -> Float[Array, "b q c"]:
        """Returns for each mask token the words that it attends to.

        Args:
            tokens: Mask tokens behind the block's first norm.
            words: One row per class.
            valid: Classes that exist.

        Raises:
            ModelError: The rank does not divide into heads.
        """
        if self.rank % self.heads:
            raise ModelError(f"rank={self.rank} does not divide into {self.heads} heads")
        rank, values = self.rank or self.width, zeros if self.silent else lecun_normal()
        query = nn.Dense(rank, dtype=self.dtype, name="query")(tokens)
        key = nn.Dense(rank, dtype=self.dtype, name="key")(words)
        value = nn.Dense(self.width, dtype=self.dtype, kernel_init=values, name="value")(words)
        query, key, value = (x.reshape(*x.shape[:-1], self.heads, -1) for x in (query, key, value))
        logits = jnp.einsum("bqhd,khd->bhqk", query, key, preferred_element_type=jnp.float32)
        logits = logits * query.shape[-1] ** -0.5
        logits = jnp.where(valid, logits, jnp.finfo(logits.dtype).min)
        weights = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
        return jnp.einsum("bhqk,khd->bqhd", weights, value).reshape(tokens.shape)


class Seve(nn.Module):
    """Queries of mask tokens in the blocks where words enter.

    Attributes:
        width: Channels of the tower.
        heads: Its attention heads.
        blocks: Indices of the blocks in which words are asked, counted from 0.
        shared: One g for all of these blocks, or one for each.
        rank: Channels in which masks and words are compared; 0 for the full width.
        residual: Add the mask token to what the words say; values start at zero, so that training
            starts from the tower as it is. The paper's equation has no residual.
        norm: Normalise what the words say.
        separate_query: Give mask tokens query projections of their own: CLIP's, which then stay as
            they are for the image, plus a learned change that starts at zero.
    """

    width: int
    heads: int
    blocks: Sequence[int]
    shared: bool
    rank: int
    residual: bool
    norm: bool
    separate_query: bool
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares g once or per block, and changes of queries per block."""
        names = ["shared"] if self.shared else [f"block{index}" for index in self.blocks]
        sizes = (self.width, self.heads, self.rank, self.residual, self.dtype)
        self.word_norm = LayerNorm(1e-5)
        self.extractions = [SemanticExtraction(*sizes, name=name) for name in names]
        if self.norm:
            self.norms = [LayerNorm(1e-5, name=f"{name}_norm") for name in names]
        if self.separate_query:
            options = {"kernel_init": zeros, "dtype": self.dtype}
            self.changes = [
                nn.Dense(self.width, **options, name=f"block{index}_query") for index in self.blocks
            ]

    def words(self, rows: Float[Array, "k e"]) -> Float[Array, "k e"]:
        """Normalises the rows of classes, once for all blocks."""
        return self.word_norm(rows)

    def query(
        self,
        index: int,
        block: TransformerBlock,
        tokens: Float[Array, "b q c"],
        words: Float[Array, "k e"],
        valid: Bool[Array, " k"],
    ) -> Float[Array, "b q h d"]:
        """Returns the queries with which mask tokens look at the image in one block.

        Args:
            index: Of the block.
            block: The tower's.
            tokens: Mask tokens that enter it.
            words: What `words` returned.
            valid: Classes that exist.
        """
        normed = block.attention_norm(tokens)
        if index not in self.blocks:
            return block.attention.queries(normed)
        place = self.blocks.index(index)
        told = self.extractions[0 if self.shared else place](normed, words, valid)
        told = self.norms[0 if self.shared else place](told) if self.norm else told
        told = normed + told if self.residual else told
        query = block.attention.queries(told)
        if self.separate_query:
            query = query + self.changes[place](told).reshape(query.shape)
        return query
