"""The masked-attention query decoder of Mask2Former, FC-CLIP and MAFT+."""

from __future__ import annotations

import math
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import normal
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from ovseg_jax.foundation.typing import Opinion, PixelFeatures, Proposals
from ovseg_jax.models.layers import LayerNorm
from ovseg_jax.models.post_norm import EPS, AttentionLayer, DeepMLP, FeedForwardLayer
from ovseg_jax.ops.attention.sine import sine_positions
from ovseg_jax.ops.images.resize import resize, resize_masks
from ovseg_jax.ops.sizes import map_size
from ovseg_jax.ops.vectors import unit

BLOCKED = -1e9
"""Added to logits of keys outside a query's mask."""
LARGEST_TEMPERATURE = 100.0


class QueryDecoder(nn.Module):
    """Queries look at one level after another, each only inside the mask it has found so far.

    Matches `MultiScaleMaskedTransformerDecoder` of Mask2Former and FC-CLIP (docs/reference 5.3,
    6.3). What only auxiliary answers need is not computed unless they are asked for: heads run
    once, and the masks that guide attention are formed at the size of the level they are for, which
    is exact since resizing is linear (docs/reference 9.4, 9.5).

    Attributes:
        width: Channels.
        mask_width: Channels of the map that masks are read from.
        heads: Attention heads.
        hidden: Width of the feed-forward part.
        layers: Decoder layers; layer i looks at level i modulo their number.
        num_queries: Masks per image.
        class_head: "linear" gives logits of `num_classes` and "no object"; "text" gives vectors of
            `embedding_dim`, from the query and from what lies under its mask.
        num_classes: Classes of the linear head.
        embedding_dim: Width of the joint space of the text head.
        levels: Levels that the pixel decoder gives.
    """

    width: int
    mask_width: int
    heads: int
    hidden: int
    layers: int
    num_queries: int
    class_head: Literal["linear", "text"]
    num_classes: int
    embedding_dim: int
    levels: int
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares queries, layers and heads."""
        shape = (self.num_queries, self.width)
        self.query_features = self.param("query_features", normal(1.0), shape)
        self.query_positions = self.param("query_positions", normal(1.0), shape)
        self.level_embedding = self.param("level_embedding", normal(1.0), (self.levels, self.width))
        shared = {"width": self.width, "dtype": self.dtype}
        each = range(self.layers)
        self.cross = [AttentionLayer(heads=self.heads, name=f"cross{i}", **shared) for i in each]
        self.self_ = [AttentionLayer(heads=self.heads, name=f"self{i}", **shared) for i in each]
        self.forward = [
            FeedForwardLayer(hidden=self.hidden, name=f"feed_forward{i}", **shared) for i in each
        ]
        self.norm = LayerNorm(EPS)
        self.mask_head = DeepMLP(self.width, self.mask_width, dtype=self.dtype)
        if self.class_head == "linear":
            self.class_layer = nn.Dense(self.num_classes + 1, dtype=self.dtype)
        else:
            self.pool_norm = LayerNorm(EPS)
            self.pool_layer = nn.Dense(self.width, dtype=self.dtype)
            self.class_layer = DeepMLP(self.width, self.embedding_dim, dtype=self.dtype)
            start = nn.initializers.constant(math.log(1 / 0.07))
            self.logit_scale = self.param("logit_scale", start, ())

    def __call__(self, pixels: PixelFeatures, *, all_layers: bool = False) -> list[Proposals]:
        """Decodes masks.

        Args:
            pixels: Of a pixel decoder.
            all_layers: Also answer from the untouched queries and after every layer.

        Returns:
            Proposals at the resolution of `pixels.masks`; the last are the final ones.
        """
        keys, values = self._levels(pixels)
        sizes = [map_size(x) for x in pixels.levels]
        guides = [] if all_layers else [resize(pixels.masks, size) for size in sizes]
        shape = (len(pixels.masks), *self.query_features.shape)
        x = jnp.broadcast_to(self.query_features.astype(self.dtype), shape)
        answers = [self._answer(x, pixels.masks)] if all_layers else []
        for index in range(self.layers):
            level = index % len(values)
            if all_layers:
                inside = resize_masks(answers[-1].masks, sizes[level]) > 0
            else:
                inside = self._masks(self.norm(x), guides[level]) > 0
            x = self._layer(index, x, keys[level], values[level], inside)
            if all_layers:
                answers.append(self._answer(x, pixels.masks))
        return answers or [self._answer(x, pixels.masks)]

    def _levels(self, pixels: PixelFeatures) -> tuple[list[Array], list[Array]]:
        """Tokens of each level as keys, with positions, and as values."""
        keys, values = [], []
        for index, x in enumerate(pixels.levels):
            tokens = x.reshape(len(x), -1, self.width) + self.level_embedding[index]
            sines = sine_positions(*x.shape[1:3], self.width).reshape(-1, self.width)
            keys.append(tokens + sines)
            values.append(tokens)
        return keys, values

    def _layer(
        self, index: int, x: Array, keys: Array, values: Array, inside: Bool[Array, "b q h w"]
    ) -> Float[Array, "b q c"]:
        """Masked cross-attention, self-attention, feed-forward."""
        inside = jax.lax.stop_gradient(inside).reshape(*inside.shape[:2], -1)
        # A query whose mask is empty would see nothing: it sees everything instead.
        seen = inside | ~inside.any(-1, keepdims=True)
        bias = jnp.where(seen, 0.0, BLOCKED)[:, None]
        positions = self.query_positions.astype(x.dtype)[None]
        x = self.cross[index](x, keys, values, positions, bias)
        x = self.self_[index](x, x + positions, x, positions)
        return self.forward[index](x)

    def _masks(
        self, normed: Float[Array, "b q c"], features: Float[Array, "b h w d"]
    ) -> Float[Array, "b q h w"]:
        return jnp.einsum("bqc,bhwc->bqhw", self.mask_head(normed), features)

    def _answer(self, x: Float[Array, "b q c"], features: Float[Array, "b h w d"]) -> Proposals:
        """Masks and classes of queries."""
        normed = self.norm(x)
        masks = self._masks(normed, features)
        valid = jnp.ones(masks.shape[:2], bool)
        if self.class_head == "linear":
            logits = self.class_layer(normed)
            return Proposals(
                masks=masks, valid=valid, class_logits=logits, opinion=Opinion.NO_OBJECT
            )
        inside = (jax.lax.stop_gradient(masks) > 0).astype(features.dtype)
        sums = jnp.einsum("bqhw,bhwc->bqc", inside, features)
        pooled = sums / (inside.sum((2, 3))[..., None] + 1e-8)
        vectors = self.class_layer(self.pool_layer(self.pool_norm(pooled)) + normed)
        temperature = jnp.minimum(jnp.exp(self.logit_scale), LARGEST_TEMPERATURE)
        embeddings = unit(vectors.astype(jnp.float32)) * temperature
        return Proposals(masks=masks, valid=valid, class_embeddings=embeddings)
