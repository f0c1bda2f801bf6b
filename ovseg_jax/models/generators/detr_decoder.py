"""DETR's query decoder as MaskFormer uses it: every query looks at the whole coarsest map."""

from __future__ import annotations

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.foundation.typing import Opinion, PixelFeatures, Proposals
from ovseg_jax.models.layers import LayerNorm
from ovseg_jax.models.post_norm import EPS, AttentionLayer, DeepMLP, FeedForwardLayer
from ovseg_jax.ops.attention.sine import sine_positions
from ovseg_jax.ops.vectors import unit

TEMPERATURE = 100.0
"""Factor on cosines of the embedding head; OVSeg keeps it fixed (docs/reference 3.1)."""


class DetrDecoder(nn.Module):
    """Self-attention, cross-attention, feed-forward; one norm over every layer's result.

    Matches `TransformerPredictor` of MaskFormer and, with the embedding head,
    `OpenVocabTransformerPredictor` of OVSeg (docs/reference 3.1, 6.4).

    Attributes:
        width: Channels.
        mask_width: Channels of the map that masks are read from.
        heads: Attention heads.
        hidden: Width of the feed-forward part.
        layers: Decoder layers.
        num_queries: Masks per image.
        class_head: "linear" gives logits of `num_classes` and "no object"; "embedding" gives
            vectors of `embedding_dim` to compare with words.
        num_classes: Classes of the linear head.
        embedding_dim: Width of the joint space of the embedding head.
        embedding_hidden: Width inside the embedding head.
        project_input: Whether the map comes from the trunk and must be brought to `width`.
    """

    width: int
    mask_width: int
    heads: int
    hidden: int
    layers: int
    num_queries: int
    class_head: Literal["linear", "embedding"]
    num_classes: int
    embedding_dim: int
    project_input: bool
    embedding_hidden: int = 1024
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares queries, layers and heads."""
        shape = (self.num_queries, self.width)
        self.query_positions = self.param("query_positions", normal(1.0), shape)
        if self.project_input:
            self.input = nn.Dense(self.width, dtype=self.dtype)
        shared = {"width": self.width, "dtype": self.dtype}
        each = range(self.layers)
        self.self_ = [AttentionLayer(heads=self.heads, name=f"self{i}", **shared) for i in each]
        self.cross = [AttentionLayer(heads=self.heads, name=f"cross{i}", **shared) for i in each]
        self.forward = [
            FeedForwardLayer(hidden=self.hidden, name=f"feed_forward{i}", **shared) for i in each
        ]
        self.norm = LayerNorm(EPS)
        self.mask_head = DeepMLP(self.width, self.mask_width, dtype=self.dtype)
        if self.class_head == "linear":
            self.class_layer = nn.Dense(self.num_classes + 1, dtype=self.dtype)
        else:
            self.class_layer = DeepMLP(
                self.embedding_hidden, self.embedding_dim, 2, dtype=self.dtype
            )

    def __call__(self, pixels: PixelFeatures, *, all_layers: bool = False) -> list[Proposals]:
        """Decodes masks.

        Args:
            pixels: Of a pixel decoder, with one level.
            all_layers: Also answer after every layer.

        Returns:
            Proposals at the resolution of `pixels.masks`; the last are the final ones.
        """
        level = pixels.levels[0]
        values = self.input(level) if self.project_input else level
        sines = sine_positions(*level.shape[1:3], self.width)
        keys = (values + sines).reshape(len(level), -1, self.width)
        values = values.reshape(keys.shape)
        positions = self.query_positions.astype(self.dtype)[None]
        x = jnp.zeros((len(level), *self.query_positions.shape), self.dtype)
        answers = []
        for index in range(self.layers):
            x = self.self_[index](x, x + positions, x, positions)
            x = self.cross[index](x, keys, values, positions)
            x = self.forward[index](x)
            if all_layers or index == self.layers - 1:
                answers.append(self._answer(self.norm(x), pixels.masks))
        return answers

    def _answer(
        self, normed: Float[Array, "b q c"], features: Float[Array, "b h w d"]
    ) -> Proposals:
        """Masks and classes of queries."""
        masks = jnp.einsum("bqc,bhwc->bqhw", self.mask_head(normed), features)
        valid = jnp.ones(masks.shape[:2], bool)
        classes = self.class_layer(normed)
        if self.class_head == "linear":
            return Proposals(
                masks=masks, valid=valid, class_logits=classes, opinion=Opinion.NO_OBJECT
            )
        embeddings = unit(classes.astype(jnp.float32)) * TEMPERATURE
        return Proposals(masks=masks, valid=valid, class_embeddings=embeddings)
