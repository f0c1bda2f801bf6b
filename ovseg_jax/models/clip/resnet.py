"""OpenAI's ResNet image tower: anti-aliased strides, and attention in place of pooling.

Matches `ModifiedResNet` of openai/CLIP (docs/reference 0.4).
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.nn.initializers import normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.ops.attention.dot_product import attention, shared_query_attention
from ovseg_jax.ops.attention.positions import resample_positions


class ResNetTower(nn.Module):
    """Three-convolution stem, four stages of bottlenecks, attention pooling.

    Attributes:
        image_size: Side in pixels of the images that positions were trained on.
        blocks: Bottlenecks per stage.
        width: Channels of the stem; the last map has 32 times as many.
        heads: Heads of the attention pool.
        embedding_dim: Width of the joint space.
        position_resize: How positions fit another grid: a key of `ops.attention.positions.WAYS`.
        batch_statistics: Normalise by the batch's own mean and variance, as in training. The same
            happens where the caller of `apply` makes the collection "statistics" mutable: then
            what was measured is handed back in it, under the names of the stored parameters.
    """

    image_size: int
    blocks: tuple[int, ...]
    width: int
    heads: int
    embedding_dim: int
    position_resize: str = "bicubic_antialias"
    batch_statistics: bool = False
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares stem, stages and pool."""
        shared = {"batch_statistics": self.batch_statistics, "dtype": self.dtype}
        half = self.width // 2
        self.stem1 = ConvNorm(half, 3, stride=2, **shared)
        self.stem2 = ConvNorm(half, 3, **shared)
        self.stem3 = ConvNorm(self.width, 3, **shared)
        self.stages = [
            [
                Bottleneck(
                    self.width * 2**stage,
                    stride=2 if stage and not index else 1,
                    project=not index,
                    name=f"stage{stage}_block{index}",
                    **shared,
                )
                for index in range(count)
            ]
            for stage, count in enumerate(self.blocks)
        ]
        self.pooling = AttentionPool(
            channels=self.width * 32,
            heads=self.heads,
            out=self.embedding_dim,
            side=self.image_size // self.stride,
            position_resize=self.position_resize,
            dtype=self.dtype,
        )

    @property
    def stride(self) -> int:
        """Pixels per cell of the last map."""
        return 32

    def trunk(self, images: Float[Array, "b H W 3"]) -> dict[str, Float[Array, "b _h _w _c"]]:
        """Computes all maps of normalised images.

        Returns:
            "stem" at stride 2, "res2" to "res5" at strides 4 to 32; all channels last.
        """
        x = images.astype(self.dtype)
        for layer in (self.stem1, self.stem2, self.stem3):
            x = jax.nn.relu(layer(x))
        maps = {"stem": x}
        x = halve(x)
        for index, stage in enumerate(self.stages):
            for block in stage:
                x = block(x)
            maps[f"res{index + 2}"] = x
        return maps

    def outputs(
        self, images: Float[Array, "b H W 3"]
    ) -> tuple[dict[str, Float[Array, "b _h _w _c"]], Float[Array, "b d"]]:
        """Returns all maps, the dense one last, and the embedding of the whole image."""
        maps = self.trunk(images)
        return maps, self.pooling(list(maps.values())[-1])

    def __call__(self, images: Float[Array, "b H W 3"]) -> Float[Array, "b d"]:
        """Embeds whole images; not normalised."""
        return self.outputs(images)[1]

    def pool(
        self, dense: Float[Array, "b h w c"], bias: Float[Array, "#b #heads q hw"]
    ) -> Float[Array, "b q d"]:
        """Embeds masks by attention under a bias per mask; see `AttentionPool.masked`."""
        return self.pooling.masked(dense, bias)

    def embed_masks(
        self, dense: Float[Array, "b h w c"], weights: Float[Array, "b q h w"]
    ) -> Float[Array, "b q d"]:
        """Embeds what lies under masks as FC-CLIP does with these towers: by attention.

        Args:
            dense: The last map.
            weights: How much of each cell a mask covers, 0 to 1: a cell that is half covered
                answers half as much. For 0 and 1 this is FC-CLIP's boolean mask.
        """
        batch, masks = weights.shape[:2]
        return self.pool(dense, jnp.log(weights).reshape(batch, 1, masks, -1))

    def head_hidden(self, vectors: Float[Array, "*r c"]) -> Float[Array, "*r c"]:
        """Returns the value projection: what the pool makes of a cell that stands alone."""
        return self.pooling.value(vectors)

    def head_output(self, hidden: Float[Array, "*r c"]) -> Float[Array, "*r d"]:
        """Projects values into the joint space; affine, so averages commute with it."""
        return self.pooling.output(hidden)


class ConvNorm(nn.Module):
    """Convolution without bias, and batch normalisation.

    Attributes:
        features: Channels.
        kernel: Side of the kernel: 1 or 3.
        stride: Step in pixels.
        batch_statistics: See `ResNetTower`.
    """

    features: int
    kernel: int
    stride: int = 1
    batch_statistics: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b H W c0"]) -> Float[Array, "b h w c"]:
        """Convolves and normalises; the normalisation is computed in float32."""
        x = nn.Conv(
            self.features,
            (self.kernel, self.kernel),
            strides=(self.stride, self.stride),
            padding=self.kernel // 2,
            use_bias=False,
            dtype=self.dtype,
            name="convolution",
        )(x)
        zeros, ones = nn.initializers.zeros, nn.initializers.ones
        scale, bias = (
            self.param(name, init, (self.features,))
            for name, init in (("scale", ones), ("bias", zeros))
        )
        mean, variance = (
            self.param(name, init, (self.features,))
            for name, init in (("mean", zeros), ("variance", ones))
        )
        wide, count = x.astype(jnp.promote_types(x.dtype, jnp.float32)), x.size // self.features
        watched = self.is_mutable_collection("statistics") and not self.is_initializing()
        if self.batch_statistics or watched:
            mean, variance = wide.mean((0, 1, 2)), wide.var((0, 1, 2))
        if watched:
            self._report("mean", mean)
            self._report("variance", variance * (count / max(count - 1, 1)))
        factor = scale * lax.rsqrt(variance + 1e-5)
        return (wide * factor + (bias - mean * factor)).astype(x.dtype)

    def _report(self, name: str, value: Array) -> None:
        """Hands a statistic to the caller; of several calls in one step the last one counts."""
        self.sow("statistics", name, value, init_fn=lambda: value, reduce_fn=lambda _, new: new)


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, average pool if strided, 1 x 1 to four times the channels; added to the input.

    Attributes:
        features: Channels inside.
        stride: 1 or 2.
        project: Whether the input goes through a pool and a 1 x 1 convolution as well.
        batch_statistics: See `ResNetTower`.
    """

    features: int
    stride: int
    project: bool
    batch_statistics: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b H W c0"]) -> Float[Array, "b h w c"]:
        """Runs the block."""
        shared = {"batch_statistics": self.batch_statistics, "dtype": self.dtype}
        branch = jax.nn.relu(ConvNorm(self.features, 1, name="layer1", **shared)(x))
        branch = jax.nn.relu(ConvNorm(self.features, 3, name="layer2", **shared)(branch))
        if self.stride > 1:
            branch, x = halve(branch), halve(x)
        branch = ConvNorm(4 * self.features, 1, name="layer3", **shared)(branch)
        if self.project:
            x = ConvNorm(4 * self.features, 1, name="shortcut", **shared)(x)
        return jax.nn.relu(branch + x)


class AttentionPool(nn.Module):
    """Attention with the mean of all cells as its query.

    Attributes:
        channels: Of the cells.
        heads: Attention heads.
        out: Channels of the result.
        side: Cells per side of the grid that positions were trained on.
        position_resize: See `ResNetTower`.
    """

    channels: int
    heads: int
    out: int
    side: int
    position_resize: str = "bicubic_antialias"
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares positions and projections."""
        shape = (self.side**2 + 1, self.channels)
        self.position_embedding = self.param(
            "position_embedding", normal(self.channels**-0.5), shape
        )
        self.query, self.key, self.value = (
            nn.Dense(self.channels, dtype=self.dtype) for _ in range(3)
        )
        self.output = nn.Dense(self.out, dtype=self.dtype)

    def __call__(self, dense: Float[Array, "b h w c"]) -> Float[Array, "b d"]:
        """Embeds whole maps; the mean is among the keys as well."""
        mean, cells = self._tokens(dense)
        return self._attend(mean, jnp.concatenate([mean, cells], axis=1), None)[:, 0]

    def masked(
        self, dense: Float[Array, "b h w c"], bias: Float[Array, "#b #heads q hw"]
    ) -> Float[Array, "b q d"]:
        """Embeds masks: the mean asks, and only cells answer.

        All masks ask the same, so the products of query and keys are computed once. Matches
        `visual_prediction_forward_resnet` of bytedance/fc-clip, with -inf outside the masks, and
        `_attnpool` of MaskCLIP++, with its learned bias.

        Args:
            dense: The last map.
            bias: Added to the logits of each mask. A mask that is -inf everywhere gives what a
                zero value gives: the output projection's bias (the originals give NaN).
        """
        mean, cells = self._tokens(dense)
        query, key, value = self.query(mean), self.key(cells), self.value(cells)
        query, key, value = (self._by_head(x) for x in (query, key, value))
        mixed = shared_query_attention(query, key, value, bias)
        return self.output(mixed.reshape(*mixed.shape[:2], self.channels))

    def _tokens(self, dense: Array) -> tuple[Array, Array]:
        """Returns the mean and the cells with their positions."""
        batch, height, width, channels = dense.shape
        cells = dense.reshape(batch, height * width, channels)
        first, rest = jnp.split(self.position_embedding, [1])
        grid = (self.side, self.side)
        rest = resample_positions(rest, grid, (height, width), self.position_resize)
        mean = cells.mean(1, keepdims=True) + first.astype(cells.dtype)
        return mean, cells + rest.astype(cells.dtype)

    def _attend(self, query: Array, tokens: Array, bias: Array | None) -> Array:
        query, key, value = self.query(query), self.key(tokens), self.value(tokens)
        query, key, value = (self._by_head(x) for x in (query, key, value))
        mixed = attention(query, key, value, bias)
        return self.output(mixed.reshape(*mixed.shape[:2], self.channels))

    def _by_head(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-1], self.heads, self.channels // self.heads)


def halve(x: Float[Array, "b H W c"]) -> Float[Array, "b h w c"]:
    """Averages 2 x 2 pixels; an odd last row or column is dropped."""
    return nn.avg_pool(x, (2, 2), strides=(2, 2))
