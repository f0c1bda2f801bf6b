"""OVSeg."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.mask_cropping import MaskCroppingConfig
from ovseg_jax.config.schema import schema


@schema
class OVSegConfig(MaskCroppingConfig):
    """OVSeg (arXiv 2210.04150): crops through a CLIP with mask prompts.

    Attributes:
        prompts: What is put into the tower: mask prompts, further tokens (VPT), or nothing.
        prompt_depth: How many depths have prompts of their own.
        prompt_tokens: Further tokens of VPT.
        duplicates: In the loss, whether masks of the same class are wrong for each other's words,
            as in the original, or take no part.
    """

    module = "ovseg_jax.methods.ovseg:OVSeg"
    kind: Literal["ovseg"] = "ovseg"
    mask_threshold: float = 0.4
    num_truth: int = 16
    prompts: Literal["mask", "vpt", "none"] = "mask"
    prompt_depth: int = 3
    prompt_tokens: int = 50
    duplicates: Literal["negative", "ignored"] = "negative"
