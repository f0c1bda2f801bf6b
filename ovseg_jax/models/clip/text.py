"""CLIP's text tower: a causal transformer read out at the end-of-text token."""

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.models.layers import LayerNorm, gelu, quick_gelu
from ovseg_jax.models.transformer import TransformerBlock, clip_block

TOKEN_DEVIATION = 0.02
"""Standard deviation of token embeddings before training."""


class TextTower(nn.Module):
    """Token and position embeddings, pre-norm causal blocks, final norm, projection.

    Matches `TextTransformer` of open_clip and the text half of openai/CLIP. The read-out position
    is that of the largest token id, which is the end-of-text token in every vocabulary used here.

    Attributes:
        vocab_size: Number of token ids.
        context_length: Largest number of tokens.
        width: Channels.
        heads: Attention heads.
        layers: Blocks.
        embedding_dim: Width of the joint space.
        quick: OpenAI's QuickGELU in place of the exact one.
    """

    vocab_size: int
    context_length: int
    width: int
    heads: int
    layers: int
    embedding_dim: int
    quick: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, tokens: Int[Array, "r l"]) -> Float[Array, "r d"]:
        """Embeds tokenised texts; not normalised.

        Args:
            tokens: Ids, zero-padded; `l` may be shorter than the context.

        Raises:
            ModelError: The rows are longer than the context.
        """
        if tokens.shape[1] > self.context_length:
            raise ModelError(
                f"texts of {tokens.shape[1]} tokens, but the context is {self.context_length}; "
                "use the tokenizer of this variant"
            )
        table = self.param(
            "token_embedding", normal(TOKEN_DEVIATION), (self.vocab_size, self.width)
        )
        positions = self.param(
            "position_embedding", normal(0.01), (self.context_length, self.width)
        )
        x = (table[tokens] + positions[: tokens.shape[1]]).astype(self.dtype)
        for index in range(self.layers):
            x = self._block(index)(x, causal=True)
        last = jnp.take_along_axis(x, tokens.argmax(-1)[:, None, None], axis=1)[:, 0]
        projection = nn.Dense(
            self.embedding_dim,
            use_bias=False,
            kernel_init=normal(self.width**-0.5),
            dtype=self.dtype,
            name="projection",
        )
        return projection(LayerNorm(1e-5, name="final_norm")(last))

    def _block(self, index: int) -> TransformerBlock:
        return clip_block(
            width=self.width,
            heads=self.heads,
            layers=self.layers,
            activation=quick_gelu if self.quick else gelu,
            dtype=self.dtype,
            name=f"block{index}",
        )
