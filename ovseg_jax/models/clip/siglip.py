"""SigLIP and SigLIP 2: towers without class token and causal mask, read out by attention.

They match `models/vit.py` and `models/proj/image_text/text_transformer.py` of
google-research/big_vision.
"""

from __future__ import annotations

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import normal, xavier_uniform
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.models.layers import MLP, LayerNorm, gelu_tanh
from ovseg_jax.models.transformer import Attention, clip_block


class AttentionHead(nn.Module):
    """One learned query looks at all tokens; an MLP is added to what it saw ("MAP head").

    Attributes:
        width: Channels.
        heads: Attention heads.
        mlp_width: Width inside the MLP.
        eps: Epsilon of the norm.
    """

    width: int
    heads: int
    mlp_width: int
    eps: float = 1e-6
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares the query, the attention and the MLP."""
        self.probe = self.param("probe", xavier_uniform(), (1, self.width))
        self.attention = Attention(self.width, self.heads, dtype=self.dtype)
        self.norm = LayerNorm(self.eps)
        self.mlp = MLP(self.mlp_width, self.width, gelu_tanh, dtype=self.dtype)

    def __call__(
        self, tokens: Float[Array, "b l c"], bias: Float[Array, "#b #h q #l"] | None = None
    ) -> Float[Array, "b q c"]:
        """Pools tokens once, or once for each row of a bias.

        Args:
            tokens: Behind the final norm.
            bias: Added to the logits, one row per mask. Block by a large finite number: a row that
                is blocked everywhere alike then sees everything.
        """
        rows = 1 if bias is None else bias.shape[2]
        probe = jnp.broadcast_to(self.probe.astype(self.dtype), (len(tokens), rows, self.width))
        query, key = self.attention.queries(probe), self.attention.keys(tokens)
        return self._finish(self.attention.mix(query, key, self.attention.values(tokens), bias))

    def alone(self, vectors: Float[Array, "*r c"]) -> Float[Array, "*r c"]:
        """Returns what pooling makes of each token if it is the only one: its value, finished."""
        return self._finish(self.attention.output(self.attention.value(vectors)))

    def _finish(self, x: Array) -> Array:
        return x + self.mlp(self.norm(x))


class SiglipTower(VisionTransformer):
    """The image tower; its embedding is the attention head's output, without a projection.

    Attributes: those of `VisionTransformer`, with SigLIP's values; `embedding_dim` is the width.
    """

    mlp_width: int = 3072
    activation: Literal["gelu", "quick_gelu", "gelu_tanh"] = "gelu_tanh"
    eps: float = 1e-6
    class_token: bool = False
    patch_bias: bool = True
    pre_norm: bool = False
    position_resize: str = "bilinear_aligned"

    def setup_head(self) -> None:
        """Declares the final norm and the attention head."""
        self.final_norm = LayerNorm(self.eps)
        self.head = AttentionHead(
            self.width, self.heads, self.mlp_width, self.eps, dtype=self.dtype
        )

    def embed_whole(self, tokens: Float[Array, "b l c"]) -> Float[Array, "b d"]:
        """Embeds an image from its tokens behind the last block."""
        return self.head(self.final_norm(tokens))[:, 0]

    def pool(
        self, dense: Float[Array, "b h w c"], bias: Float[Array, "#b #h q #l"]
    ) -> Float[Array, "b q d"]:
        """Embeds masks by the attention head under a bias per mask; see `AttentionHead`."""
        tokens = dense.reshape(len(dense), -1, dense.shape[-1])
        return self.head(self.final_norm(tokens), bias)

    def head_hidden(self, vectors: Float[Array, "*r c"]) -> Float[Array, "*r d"]:
        """Embeds each vector as if it were an image's only token.

        The head is not linear behind this, so there is nothing left for `head_output`.
        """
        return self.head.alone(self.final_norm(vectors))

    def head_output(self, hidden: Float[Array, "*r d"]) -> Float[Array, "*r d"]:
        """Returns its argument: all is done in `head_hidden`."""
        return hidden


class SiglipTextTower(nn.Module):
    """A transformer over all tokens, padding included, read out at the last one.

    Attributes:
        vocab_size: Number of token ids.
        context_length: Number of tokens; shorter texts are padded, since the last one is read.
        width: Channels.
        heads: Attention heads.
        layers: Blocks.
        mlp_width: Width inside the MLPs.
        embedding_dim: Width of the joint space.
    """

    vocab_size: int
    context_length: int
    width: int
    heads: int
    layers: int
    mlp_width: int
    embedding_dim: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, tokens: Int[Array, "r l"]) -> Float[Array, "r d"]:
        """Embeds tokenised texts; not normalised.

        Raises:
            ModelError: The rows are not as long as the context.
        """
        table = self.param("token_embedding", normal(0.02), (self.vocab_size, self.width))
        shape = (self.context_length, self.width)
        positions = self.param("position_embedding", normal(self.width**-0.5), shape)
        if tokens.shape[1] != self.context_length and not self.is_initializing():
            raise ModelError(
                f"texts of {tokens.shape[1]} tokens, but SigLIP reads exactly "
                f"{self.context_length}; use the tokenizer of this variant"
            )
        x = (table[tokens] + positions[: tokens.shape[1]]).astype(self.dtype)
        for index in range(self.layers):
            x = clip_block(
                width=self.width,
                heads=self.heads,
                layers=self.layers,
                mlp_width=self.mlp_width,
                activation=gelu_tanh,
                eps=1e-6,
                dtype=self.dtype,
                name=f"block{index}",
            )(x)
        last = LayerNorm(1e-6, name="final_norm")(x[:, -1])
        return nn.Dense(self.embedding_dim, dtype=self.dtype, name="projection")(last)
