"""The ConvNeXt image tower of OpenCLIP: dense maps before pooling, and the head per vector."""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.models.layers import ConvNeXtBlock, LayerNorm, gelu


class ConvNeXtTower(nn.Module):
    """ConvNeXt trunk with CLIP's projection (docs/reference 0.2).

    Matches timm's ConvNeXt inside open_clip's `TimmModel`. The toy variant has two stages, the
    published ones four; the last stage lies at stride 4 * 2 ** (stages - 1).

    Attributes:
        dims: Channels per stage.
        depths: Blocks per stage.
        embedding_dim: Width of the joint space.
        kernels: Side of the depthwise kernels per stage; empty for 7 everywhere.
        head: "linear" is one bias-free projection; "mlp" has a hidden layer of twice the width.
        eps: Epsilon of every norm: 1e-6, but 1e-5 in convnext_xxlarge.
        layer_scale_init: Start value of the blocks' residual factors.
        drop_rate: Stochastic depth of the last block, rising linearly from 0; it acts only when
            an rng named "stochastic_depth" is passed.
    """

    dims: tuple[int, ...]
    depths: tuple[int, ...]
    embedding_dim: int
    kernels: tuple[int, ...] = ()
    head: Literal["linear", "mlp"] = "linear"
    eps: float = 1e-6
    layer_scale_init: float = 1e-6
    drop_rate: float = 0.1
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares stem, stages and head."""
        self.stem = PatchConv(self.dims[0], 4, self.eps, norm_first=False, dtype=self.dtype)
        self.stages = [
            ConvNeXtStage(blocks, self.eps, index > 0, self.dtype, name=f"stage{index}")
            for index, blocks in enumerate(self._block_settings())
        ]
        self.head_norm = LayerNorm(self.eps)
        self.projection = Projection(self.embedding_dim, self.head == "mlp", self.dtype)

    def _block_settings(self) -> list[tuple[dict, ...]]:
        """Returns the arguments of every block of every stage."""
        total, first, stages = sum(self.depths), 0, []
        kernels = self.kernels or (7,) * len(self.dims)
        for dim, depth, kernel in zip(self.dims, self.depths, kernels, strict=True):
            shared = {"dim": dim, "kernel": kernel, "layer_scale_init": self.layer_scale_init}
            rates = [self.drop_rate * i / max(total - 1, 1) for i in range(first, first + depth)]
            stages.append(tuple(shared | {"drop_rate": rate} for rate in rates))
            first += depth
        return stages

    def trunk(self, images: Float[Array, "b H W 3"]) -> dict[str, Float[Array, "b _h _w _c"]]:
        """Computes all maps of normalised images.

        Returns:
            "stem" and "res2" at stride 4, "res3" at stride 8, and so on; all channels last.
        """
        x = self.stem(images.astype(self.dtype))
        maps = {"stem": x}
        for index, stage in enumerate(self.stages):
            maps[f"res{index + 2}"] = x = stage(x)
        return maps

    def head_hidden(self, vectors: Float[Array, "*r c"]) -> Float[Array, "*r _hidden"]:
        """Applies the head up to its last, bias-free linear map, past which averages commute."""
        return self.projection.hidden(self.head_norm(vectors))

    def head_output(self, hidden: Float[Array, "*r _hidden"]) -> Float[Array, "*r d"]:
        """Applies the last linear map of the head to the result of `head_hidden`."""
        return self.projection.output(hidden)

    @property
    def stride(self) -> int:
        """Pixels per cell of the last map."""
        return 4 * 2 ** (len(self.dims) - 1)

    def outputs(
        self, images: Float[Array, "b H W 3"]
    ) -> tuple[dict[str, Float[Array, "b _h _w _c"]], Float[Array, "b d"]]:
        """Returns all maps, the dense one last, and the embedding of the whole image."""
        maps = self.trunk(images)
        dense = list(maps.values())[-1]
        return maps, self.head_output(self.head_hidden(dense.mean((1, 2))))

    def __call__(self, images: Float[Array, "b H W 3"]) -> Float[Array, "b d"]:
        """Embeds whole images: global average pool, then the head; not normalised."""
        return self.outputs(images)[1]


class PatchConv(nn.Module):
    """Non-overlapping convolution and a norm, after it (stem) or before it (downsampling)."""

    dim: int
    patch: int
    eps: float
    norm_first: bool
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b H W c0"]) -> Float[Array, "b h w c"]:
        """Shrinks both sides by the patch size; what does not fill a patch is dropped."""
        side = (self.patch, self.patch)
        convolution = nn.Conv(
            self.dim, side, strides=side, padding="VALID", dtype=self.dtype, name="convolution"
        )
        norm = LayerNorm(self.eps, name="norm")
        return convolution(norm(x)) if self.norm_first else norm(convolution(x))


class ConvNeXtStage(nn.Module):
    """Blocks at one resolution, after a downsampling by two in all stages but the first."""

    blocks: tuple[dict, ...]
    eps: float
    downsample: bool
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h0 w0 c0"]) -> Float[Array, "b h w c"]:
        """Runs the blocks one after another."""
        if self.downsample:
            dim = self.blocks[0]["dim"]
            x = PatchConv(dim, 2, self.eps, norm_first=True, dtype=self.dtype, name="downsample")(x)
        for index, settings in enumerate(self.blocks):
            x = ConvNeXtBlock(**settings, eps=self.eps, dtype=self.dtype, name=f"block{index}")(x)
        return x


class Projection(nn.Module):
    """CLIP's visual projection: bias-free linear, or an MLP whose last map is bias-free."""

    dim: int
    mlp: bool
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares one linear map, or two."""
        if self.mlp:
            self.expand = nn.Dense(2 * self.dim, dtype=self.dtype)
        self.reduce = nn.Dense(
            self.dim, use_bias=False, kernel_init=lecun_normal(), dtype=self.dtype
        )

    def hidden(self, vectors: Float[Array, "*r c"]) -> Float[Array, "*r _hidden"]:
        """Everything before the last linear map."""
        return gelu(self.expand(vectors)) if self.mlp else vectors

    def output(self, hidden: Float[Array, "*r _hidden"]) -> Float[Array, "*r d"]:
        """The last linear map."""
        return self.reduce(hidden)
