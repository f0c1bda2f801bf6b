"""SAM whole, and its published sizes."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.models.generators.generator import IMAGENET_MEAN, IMAGENET_STD
from ovseg_jax.models.sam.image_encoder import PATCH, SamImageEncoder
from ovseg_jax.models.sam.mask_decoder import MaskDecoder
from ovseg_jax.models.sam.prompt_encoder import PromptEncoder
from ovseg_jax.ops.images.normalise import normalise


class Sam(nn.Module):
    """Encodes an image once; then any points, some at a time.

    Attributes:
        encoder: Of images.
        prompts: Of points.
        decoder: Of masks.
    """

    encoder: SamImageEncoder
    prompts: PromptEncoder
    decoder: MaskDecoder

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        return self.encoder.image_size

    def encode(
        self, images: Float[Array, "b S S 3"], sizes: Int[Array, "b 2"]
    ) -> Float[Array, "b s s c"]:
        """Encodes images, 0 to 255, padded right and below."""
        return self.encoder(normalise(images, sizes, IMAGENET_MEAN, IMAGENET_STD))

    def decode(
        self, image: Float[Array, "1 s s c"], points: Float[Array, "b p 2"], labels: Array
    ) -> tuple[Float[Array, "b m _s _s"], Float[Array, "b m"]]:
        """Decodes three masks per prompt of one image; see `PromptEncoder` and `MaskDecoder`.

        Args:
            image: What `encode` gave.
            points: x and y in pixels of the input.
            labels: Kinds of points.
        """
        codes = self.prompts.grid(self.image_size // PATCH)
        return self.decoder(image + self.prompts.no_mask, codes, self.prompts(points, labels))

    def __call__(self, images: Array, sizes: Array) -> tuple[Array, Array]:
        """Masks at the middle of each image; touches every parameter."""
        middle = jnp.full((1, 1, 2), self.image_size / 2)
        return self.decode(self.encode(images, sizes)[:1], middle, jnp.ones((1, 1), jnp.int32))


SIZES = {
    "sam_vit_b": {"width": 768, "depth": 12, "heads": 12, "global_blocks": (2, 5, 8, 11)},
    "sam_vit_l": {"width": 1024, "depth": 24, "heads": 16, "global_blocks": (5, 11, 17, 23)},
    "sam_vit_h": {"width": 1280, "depth": 32, "heads": 16, "global_blocks": (7, 15, 23, 31)},
}
"""The published encoders."""


def build_sam(name: str, dtype: DTypeLike = jnp.float32) -> Sam:
    """Builds a published model; parameters come separately.

    Raises:
        ModelError: There is no such model.
    """
    if name not in SIZES:
        raise ModelError(f"no SAM variant {name!r}; known: {', '.join(SIZES)}")
    return Sam(
        encoder=SamImageEncoder(dtype=dtype, **SIZES[name]),
        prompts=PromptEncoder(),
        decoder=MaskDecoder(dtype=dtype),
    )
