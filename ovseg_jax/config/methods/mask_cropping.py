"""Mask cropping."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.shared import LabelledConfig
from ovseg_jax.config.schema import schema


@schema
class MaskCroppingConfig(LabelledConfig):
    """Encode the crop around each mask as an image of its own.

    Attributes:
        crop_size: Side of the square crops in pixels.
        fill: What stands outside the mask: the mean colour, black, or the picture itself.
        expand: Factor by which the mask's box grows before cropping.
        chunk: Crops of each image encoded at once; bounds the memory.
        mask_threshold: Probability above which a pixel of a soft mask is inside.
    """

    module = "ovseg_jax.methods.mask_cropping:MaskCropping"
    kind: Literal["mask_cropping"] = "mask_cropping"
    crop_size: int = 224
    fill: Literal["mean", "black", "picture"] = "mean"
    expand: float = 1.0
    chunk: int = 32
    mask_threshold: float = 0.5
