"""detectron2's ResNets, with the plain stem and with DeepLab's."""

from __future__ import annotations

from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen import initializers
from jax import lax
from jax.nn.initializers import variance_scaling
from jax.typing import DTypeLike
from jaxtyping import Array, Float

EPS = 1e-5
STEM_WIDTH = 64


class ResNetBackbone(nn.Module):
    """Bottleneck ResNet with frozen batch norm (docs/reference 6.1).

    Matches `build_resnet_backbone` and `build_resnet_deeplab_backbone` of detectron2, strides in
    the 3 x 3 convolutions.

    Attributes:
        blocks: Bottlenecks per stage: (3, 4, 6, 3) is ResNet-50, (3, 4, 23, 3) ResNet-101.
        stem: "basic" is one 7 x 7 convolution; "deeplab" three of 3 x 3 ("ResNet-101c").
        res5_dilations: Dilation of each block of the last stage, whose stride stays two; further
            blocks repeat the last.
    """

    blocks: tuple[int, ...]
    stem: Literal["basic", "deeplab"] = "basic"
    res5_dilations: tuple[int, ...] = (1, 1, 1)
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "b H W 3"]) -> dict[str, Float[Array, "b _h _w _c"]]:
        """Returns "res2" at stride 4 to "res5" at stride 32; any input size."""
        x = self._stem(images.astype(self.dtype))
        margins = ((1, 1), (1, 1))  # flax's types know names only
        x = nn.max_pool(x, (3, 3), (2, 2), margins)  # pyright: ignore[reportArgumentType]
        maps = {}
        for stage, count in enumerate(self.blocks):
            for index in range(count):
                x = Bottleneck(
                    width=STEM_WIDTH * 2**stage,
                    stride=2 if stage and not index else 1,
                    dilation=self._dilation(stage, index),
                    project=not index,
                    dtype=self.dtype,
                    name=f"stage{stage}_block{index}",
                )(x)
            maps[f"res{stage + 2}"] = x
        return maps

    def _stem(self, x: Array) -> Array:
        layer = partial(ConvNorm, dtype=self.dtype)
        if self.stem == "basic":
            return jax.nn.relu(layer(STEM_WIDTH, 7, stride=2, name="stem1")(x))
        for index, (width, stride) in enumerate([(64, 2), (64, 1), (128, 1)], start=1):
            x = jax.nn.relu(layer(width, 3, stride=stride, name=f"stem{index}")(x))
        return x

    def _dilation(self, stage: int, index: int) -> int:
        if stage != len(self.blocks) - 1:
            return 1
        return self.res5_dilations[min(index, len(self.res5_dilations) - 1)]


class ConvNorm(nn.Module):
    """Convolution without bias, and batch norm by stored statistics.

    The statistics are parameters so that they are converted and saved like all others; they are
    only read here, so training must keep them frozen.

    Attributes:
        width: Channels of the result.
        kernel: Side of the kernel, odd.
        stride: Step between results.
        dilation: Step between the kernel's cells.
    """

    width: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b H W c0"]) -> Float[Array, "b h w c"]:
        """Convolves and normalises."""
        margin = self.dilation * (self.kernel // 2)
        x = nn.Conv(
            self.width,
            (self.kernel, self.kernel),
            strides=self.stride,
            padding=((margin, margin), (margin, margin)),
            kernel_dilation=self.dilation,
            use_bias=False,
            kernel_init=variance_scaling(2.0, "fan_out", "normal"),
            dtype=self.dtype,
            name="convolution",
        )(x)
        shape = (self.width,)
        scale = self.param("scale", initializers.ones, shape)
        bias = self.param("bias", initializers.zeros, shape)
        mean = self.param("mean", initializers.zeros, shape)
        variance = self.param("variance", initializers.ones, shape)
        factor = scale * lax.rsqrt(variance + EPS)
        return x * factor.astype(x.dtype) + (bias - mean * factor).astype(x.dtype)


class Bottleneck(nn.Module):
    """1 x 1 down, 3 x 3 with the stride, 1 x 1 up to four times the width, added to the input."""

    width: int
    stride: int = 1
    dilation: int = 1
    project: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h0 w0 c0"]) -> Float[Array, "b h w c"]:
        """Runs the block."""
        layer = partial(ConvNorm, dtype=self.dtype)
        branch = jax.nn.relu(layer(self.width, 1, name="layer1")(x))
        middle = layer(self.width, 3, self.stride, self.dilation, name="layer2")
        branch = layer(4 * self.width, 1, name="layer3")(jax.nn.relu(middle(branch)))
        if self.project:
            x = layer(4 * self.width, 1, self.stride, name="shortcut")(x)
        return jax.nn.relu(x + branch)
