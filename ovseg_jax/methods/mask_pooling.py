"""Mask pooling: the average of the trunk map under the mask, taken through CLIP's head."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ovseg_jax.config.methods.mask_pooling import MaskPoolingConfig
from ovseg_jax.foundation.typing import Features, Proposals, Regions
from ovseg_jax.methods.method import Method
from ovseg_jax.ops.chunks import map_chunks
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks.resizing import area_coverage
from ovseg_jax.ops.sizes import map_size

CHUNK = 32
"""Hard masks brought to the feature grid at once; bounds the float copies of large masks."""


class MaskPooling(Method):
    """The out-of-vocabulary branch of FC-CLIP (arXiv 2308.02487), alone.

    Matches the mask pooling of bytedance/fc-clip for mask logits. For hard masks, which it never
    sees, cells weigh as much as the mask covers of them.
    """

    config: MaskPoolingConfig

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Averages the map before the head, then applies the head once per mask.

        Towers that pool by attention attend under the mask instead.
        """
        weights = pooling_weights(proposals.masks, map_size(features.dense))
        embedded = self.towers.embed_masks(features.dense, weights)
        return Regions(embeddings=embedded.astype(jnp.float32))


def pooling_weights(
    masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"], grid: tuple[int, int]
) -> Float[Array, "b q h w"]:
    """Brings masks to the feature grid.

    Logits are resized bilinearly and cut at zero, as FC-CLIP does. Boolean masks become the
    fraction of each cell that they cover, so that an object smaller than a cell does not vanish.
    """
    if masks.dtype == jnp.bool_:
        return map_chunks(lambda part: area_coverage(part, grid), masks, CHUNK, axis=1)
    return (resize_masks(masks, grid) > 0).astype(jnp.float32)
