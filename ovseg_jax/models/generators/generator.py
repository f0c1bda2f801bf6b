"""A mask generator whole: backbone or borrowed trunk maps, pixel decoder, query decoder."""

from __future__ import annotations

import flax.linen as nn
import jax
from jaxtyping import Array, Float, Int

from ovseg_jax.foundation.typing import Proposals, needed
from ovseg_jax.ops.images.normalise import Colour, normalise

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class QueryGenerator(nn.Module):
    """One mask per learned query: MaskFormer, Mask2Former, and the heads of FC-CLIP and MAFT+.

    Attributes:
        pixel_decoder: Trunk maps to what queries look at (`typing.PixelFeatures`).
        decoder: Queries to masks and classes.
        backbone: Normalised images to trunk maps "res2" to "res5"; None where the generator reads
            those of the model's CLIP tower, which then get no gradient from it.
        pixel_mean: Mean colour that the backbone was trained with, 0 to 255.
        pixel_std: Standard deviation of each colour.
    """

    pixel_decoder: nn.Module
    decoder: nn.Module
    backbone: nn.Module | None = None
    pixel_mean: Colour = IMAGENET_MEAN
    pixel_std: Colour = IMAGENET_STD

    def __call__(
        self,
        images: Float[Array, "b H W 3"],
        sizes: Int[Array, "b 2"],
        pyramid: dict[str, Float[Array, "b _h _w _c"]] | None = None,
        *,
        all_layers: bool = False,
    ) -> list[Proposals]:
        """Proposes masks.

        Args:
            images: RGB, 0 to 255, padded right and below.
            sizes: Height and width of the picture inside the frame.
            pyramid: Trunk maps of CLIP; used where there is no backbone.
            all_layers: Also return what each earlier layer of the decoder would answer.

        Returns:
            Proposals over the padded frame at a quarter of its resolution; the last are final.
        """
        maps = self.trunk(images, sizes, pyramid)
        return self.decoder(self.pixel_decoder(maps), all_layers=all_layers)

    def trunk(
        self,
        images: Float[Array, "b H W 3"],
        sizes: Int[Array, "b 2"],
        pyramid: dict[str, Float[Array, "b _h _w _c"]] | None = None,
    ) -> dict[str, Float[Array, "b _h _w _c"]]:
        """Returns the trunk maps: its own, or the borrowed ones without gradient."""
        if self.backbone is None:
            return jax.lax.stop_gradient(needed(pyramid, "Features.pyramid"))
        return self.backbone(normalise(images, sizes, self.pixel_mean, self.pixel_std))
