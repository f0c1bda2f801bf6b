"""Mask pooling."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.shared import LabelledConfig
from ovseg_jax.config.schema import schema


@schema
class MaskPoolingConfig(LabelledConfig):
    """Average the trunk map under each mask (FC-CLIP's out-of-vocabulary branch)."""

    module = "ovseg_jax.methods.mask_pooling:MaskPooling"
    kind: Literal["mask_pooling"] = "mask_pooling"
