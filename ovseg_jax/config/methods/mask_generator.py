"""The mask generator alone."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.shared import LabelledConfig, SetLossConfig
from ovseg_jax.config.schema import schema


@schema
class MaskGeneratorConfig(SetLossConfig, LabelledConfig):
    """The mask generator alone: trained by the set criterion, masks named by its own class head."""

    module = "ovseg_jax.methods.mask_generator:MaskGenerator"
    kind: Literal["mask_generator"] = "mask_generator"
    has_void: bool = True
    num_truth: int = 100
