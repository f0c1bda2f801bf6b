"""A plain ConvNeXt trunk; the toy generator's backbone."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.models.clip.convnext import ConvNeXtStage, PatchConv

EPS = 1e-6


class ConvNeXtBackbone(nn.Module):
    """ConvNeXt without CLIP's head (docs/reference 0.2).

    Attributes:
        dims: Channels per stage; the first lies at stride 4, each further one at twice the stride.
        depths: Blocks per stage.
        layer_scale_init: Start value of the blocks' residual factors.
    """

    dims: tuple[int, ...]
    depths: tuple[int, ...]
    layer_scale_init: float = 0.1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, images: Float[Array, "b H W 3"]) -> dict[str, Float[Array, "b _h _w _c"]]:
        """Returns "res2" at stride 4, "res3" at stride 8, and so on."""
        x = PatchConv(self.dims[0], 4, EPS, norm_first=False, dtype=self.dtype, name="stem")(images)
        maps = {}
        for index, (dim, depth) in enumerate(zip(self.dims, self.depths, strict=True)):
            blocks = ({"dim": dim, "layer_scale_init": self.layer_scale_init},) * depth
            x = ConvNeXtStage(blocks, EPS, index > 0, self.dtype, name=f"stage{index}")(x)
            maps[f"res{index + 2}"] = x
        return maps
