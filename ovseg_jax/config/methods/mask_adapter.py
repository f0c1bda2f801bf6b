"""Mask-Adapter."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.shared import LabelledConfig
from ovseg_jax.config.schema import schema


@schema
class MaskAdapterConfig(LabelledConfig):
    """Mask-Adapter (arXiv 2412.04533): learned activation maps in place of the mask.

    Attributes:
        phase: "warmup" trains on ground-truth masks, "mixed" adds matched predictions; published
            with a `num_truth` of 32 and 16.
        num_maps: Activation maps per mask (K).
        width: Channels of the adapter's blocks.
        mask_width: Channels of the embedded mask.
        num_blocks: ConvNeXt blocks in the adapter.
        patchify: How masks are embedded and meet CLIP's map: two 3 x 3 convolutions of stride 2,
            added; the same, beside it; or one 4 x 4 convolution of stride 4, added.
        use_clip: Whether the adapter sees CLIP's map; if not, it sees the mask alone, and only
            what is pooled is CLIP's.
        layer_scale_init: Start value of the blocks' residual factors; 1e-6 is the paper's, 0.1
            learns faster in short runs.
        mask_threshold: Probability above which a predicted mask counts as inside.
        chunk: Masks of each image adapted at once; bounds the memory.
        num_matched: Matched pairs of prediction and truth in mixed training.
        match_rule: One random prediction per truth (the code), every pair (the paper), one to one
            by the largest sum of IoUs, or one to one by Mask2Former's costs whatever the IoU (the
            paper's ablation).
        match_iou: IoU above which a prediction matches.
        match_probability: Probability at which predictions are binarised for the IoU: 0.4 on
            FC-CLIP, 0.5 on MAFT+.
        class_weight: Weight of the cross-entropy.
        cosine_weight: Weight of the cosine consistency between matched masks.
        detach_truth: Stop the cosine loss's gradient at the truth's side (FC-CLIP: yes).
        pad_empty: Padding predictions are empty masks (FC-CLIP's threshold of 0.5) rather than
            full ones.
    """

    module = "ovseg_jax.methods.mask_adapter:MaskAdapter"
    kind: Literal["mask_adapter"] = "mask_adapter"
    has_void: bool = True
    phase: Literal["warmup", "mixed"] = "warmup"
    num_maps: int = 16
    width: int = 768
    mask_width: int = 16
    num_blocks: int = 3
    patchify: Literal["add", "concat", "add_4x4"] = "add"
    use_clip: bool = True
    layer_scale_init: float = 1e-6
    mask_threshold: float = 0.5
    chunk: int = 32
    num_matched: int = 8
    match_rule: Literal["one_per_truth", "every_pair", "hungarian", "mask2former"] = "one_per_truth"
    match_iou: float = 0.7
    match_probability: float = 0.4
    class_weight: float = 2.0
    cosine_weight: float = 5.0
    detach_truth: bool = True
    pad_empty: bool = True
