"""The mask generator that a model has as a part of it."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.schema import schema


@schema
class NoGeneratorConfig:
    """The model has no mask generator: masks are given."""

    kind: Literal["none"] = "none"


@schema
class QueryGeneratorConfig:
    """A generator with one mask per learned query; the defaults are FC-CLIP's.

    Attributes:
        backbone: A row of `ovseg_jax.models.generators.variants.BACKBONES`; "clip" reads the trunk
            maps of the model's own CLIP tower.
        pixel_decoder: Multi-scale deformable attention (Mask2Former and later), or a feature
            pyramid (MaskFormer).
        decoder: Masked attention over levels (Mask2Former and later), or DETR's (MaskFormer).
        class_head: "linear" over a fixed list of classes; "text" compares what lies under the mask
            with words (FC-CLIP); "embedding" compares the query with words (OVSeg).
        num_classes: Of the linear head, "no object" not counted.
        num_queries: Masks per image.
        width: Channels of both decoders.
        mask_width: Channels of the map that masks are read from.
        heads: Attention heads.
        levels: Trunk maps that the deformable encoder reads, coarsest first.
        encoder_layers: Attention layers in the pixel decoder.
        encoder_hidden: Width of their feed-forward part.
        decoder_layers: Layers of the query decoder.
        decoder_hidden: Width of their feed-forward part.
    """

    kind: Literal["query"] = "query"
    backbone: str = "clip"
    pixel_decoder: Literal["deformable", "fpn"] = "deformable"
    decoder: Literal["masked_attention", "detr"] = "masked_attention"
    class_head: Literal["linear", "text", "embedding"] = "text"
    num_classes: int = 133
    num_queries: int = 250
    width: int = 256
    mask_width: int = 256
    heads: int = 8
    levels: int = 3
    encoder_layers: int = 6
    encoder_hidden: int = 1024
    decoder_layers: int = 9
    decoder_hidden: int = 2048


@schema
class SamConfig:
    """Segment Anything with automatic mask generation; the defaults are its own.

    Attributes:
        variant: "sam_vit_b", "sam_vit_l" or "sam_vit_h".
        points_per_side: Points of the grid along each side.
        points_per_batch: Points decoded at once; bounds the memory and changes nothing else.
        min_iou: Masks whose expected IoU is not above this are dropped.
        min_stability: Masks below this are dropped; see `stability_offset`.
        stability_offset: Stability is the share of pixels that stay when the threshold of the
            logits rises from minus this to plus this.
        nms_iou: Of two masks whose boxes overlap more than this, the worse is dropped.
        crop_layers: Further passes over parts of the photo, 4 parts in the first, 16 in the next.
        crop_overlap: Overlap of the parts, as a share of the shorter side.
        crop_points_factor: Each layer of parts divides the points per side by this.
        min_region: Holes and islands of fewer pixels are removed; 0 removes nothing.
    """

    kind: Literal["sam"] = "sam"
    variant: str = "sam_vit_h"
    points_per_side: int = 32
    points_per_batch: int = 16
    min_iou: float = 0.88
    min_stability: float = 0.95
    stability_offset: float = 1.0
    nms_iou: float = 0.7
    crop_layers: int = 0
    crop_overlap: float = 512 / 1500
    crop_points_factor: int = 1
    min_region: int = 0


GeneratorConfig = NoGeneratorConfig | QueryGeneratorConfig | SamConfig
