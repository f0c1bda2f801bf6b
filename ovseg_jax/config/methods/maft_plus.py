"""MAFT+, alone and under Mask-Adapter."""

from __future__ import annotations

import dataclasses
from typing import Literal, Self

from ovseg_jax.config.methods.mask_adapter import MaskAdapterConfig
from ovseg_jax.config.methods.shared import LabelledConfig, SetLossConfig
from ovseg_jax.config.schema import schema


@schema
class TransferConfig:
    """How the image changes the words.

    Attributes:
        panoptic: Which of the transfer's two functions the weights were trained for; see
            `ovseg_jax.models.content_transfer`.
        scrambled: Whether the projected map, which the transfer and the adapter read, is made in
            the layout that the published weights were trained with.
        transfer_heads: Attention heads of the transfer.
    """

    panoptic: bool = False
    scrambled: bool = True
    transfer_heads: int = 8


@schema
class MaftPlusConfig(TransferConfig, SetLossConfig, LabelledConfig):
    """MAFT+ (arXiv 2408.00744): mask pooling compared with words that the image changes.

    Attributes:
        mask_aware_weight: Weight of the loss by which CLIP's names follow how well masks cover
            objects.
        compensation_weight: Weight of the loss that keeps the image tower close to what it was;
            where it is not 0, the model holds a frozen copy of the tower, `teacher`.
    """

    module = "ovseg_jax.methods.maft_plus:MaftPlus"
    kind: Literal["maft_plus"] = "maft_plus"
    has_void: bool = True
    mask_aware_weight: float = 1.0
    compensation_weight: float = 0.0

    @property
    def answering(self) -> Self:
        """The settings without the teacher."""
        return dataclasses.replace(self, compensation_weight=0.0)


@schema
class MaskAdapterOnMaftConfig(TransferConfig, MaskAdapterConfig):
    """Mask-Adapter on MAFT+; its code differs from that on FC-CLIP in these defaults."""

    module = "ovseg_jax.methods.maft_plus:MaskAdapterOnMaft"
    kind: Literal["mask_adapter_on_maft"] = "mask_adapter_on_maft"
    match_probability: float = 0.5
    detach_truth: bool = False
    pad_empty: bool = False
