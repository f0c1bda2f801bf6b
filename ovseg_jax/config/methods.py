"""The methods. Each dataclass has the fields of a module, and says where that is."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.schema import schema


@schema
class MaskPoolingConfig:
    """Average the trunk map under each mask (FC-CLIP's out-of-vocabulary branch)."""

    module = "ovseg_jax.methods.mask_pooling:MaskPooling"
    kind: Literal["mask_pooling"] = "mask_pooling"
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 32


@schema
class MaskCroppingConfig:
    """Encode the crop around each mask as an image of its own.

    Attributes:
        crop_size: Side of the square crops in pixels.
        fill: What stands outside the mask: the mean colour, black, or the picture itself.
        expand: Factor by which the mask's box grows before cropping.
        chunk: Crops encoded at once; bounds the memory.
        mask_threshold: Probability above which a pixel of a soft mask is inside.
    """

    module = "ovseg_jax.methods.mask_cropping:MaskCropping"
    kind: Literal["mask_cropping"] = "mask_cropping"
    crop_size: int = 224
    fill: Literal["mean", "black", "picture"] = "mean"
    expand: float = 1.0
    chunk: int = 32
    mask_threshold: float = 0.5
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 32


@schema
class OVSegConfig:
    """OVSeg: crops through a CLIP with mask prompts; see `ovseg_jax.methods.ovseg.OVSeg`.

    Attributes:
        crop_size: Side of the square crops in pixels.
        fill: What stands outside the mask: the mean colour, black, or the picture itself.
        expand: Factor by which the mask's box grows before cropping.
        chunk: Crops encoded at once; bounds the memory.
        mask_threshold: Probability above which a pixel of a soft mask is inside.
        prompts: Mask prompts, further tokens (VPT), or nothing.
        prompt_depth: How many depths have prompts of their own.
        prompt_tokens: Further tokens of VPT.
        duplicates: In the loss, whether masks of the same class are wrong for each other's words.
    """

    module = "ovseg_jax.methods.ovseg:OVSeg"
    kind: Literal["ovseg"] = "ovseg"
    crop_size: int = 224
    fill: Literal["mean", "black", "picture"] = "mean"
    expand: float = 1.0
    chunk: int = 32
    mask_threshold: float = 0.4
    prompts: Literal["mask", "vpt", "none"] = "mask"
    prompt_depth: int = 3
    prompt_tokens: int = 50
    duplicates: Literal["negative", "ignored"] = "negative"
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 16


@schema
class FisaConfig:
    """FISA, and MaskCLIP, its base; the fields are those of `ovseg_jax.methods.fisa.Fisa`.

    Attributes:
        clip_size: Side in pixels of the square that CLIP sees; 0 for the frame as it is.
        words_enter: In which blocks mask tokens ask the words; "none" is MaskCLIP.
        word_blocks: How many blocks "first" and "last" mean.
        shared: Whether these blocks share the projections of masks and words.
        rank: Channels in which masks and words are compared; 0 for the tower's width.
        residual: Whether the mask token stays in what it asks the image.
        norm: Whether what the words say is normalised.
        separate_query: Whether mask tokens have query projections of their own.
        class_key: Whether mask tokens see the class token.
        adapter_layers: Convolutions of the Distribution Adapter, 0 to 3.
        adapter_width: Channels between them.
        relative_blocks: Blocks with relative mask attention (MaskCLIP: 5, 11, 17, 23).
        lora_rank: Rank of changes of the attention's projections; 0 for none.
        tune_generator: Whether the mask generator learns from the loss of the masks.
        class_weight: Weight of the cross-entropy, in the matching and in the loss.
        mask_weight: Weight of the cross-entropy per point of a mask.
        dice_weight: Weight of the dice loss.
        num_points: Points at which masks are compared.
        chunk: Masks of each image read at once; bounds the memory.
    """

    module = "ovseg_jax.methods.fisa:Fisa"
    kind: Literal["fisa"] = "fisa"
    clip_size: int = 896
    words_enter: Literal["all", "first", "last", "none"] = "all"
    word_blocks: int = 7
    shared: bool = True
    rank: int = 128
    residual: bool = False
    norm: bool = False
    separate_query: bool = False
    class_key: bool = True
    adapter_layers: int = 2
    adapter_width: int = 8
    relative_blocks: tuple[int, ...] = ()
    lora_rank: int = 0
    tune_generator: bool = False
    class_weight: float = 2.0
    mask_weight: float = 5.0
    dice_weight: float = 5.0
    num_points: int = 12544
    chunk: int = 64
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 96


@schema
class MaskAdapterConfig:
    """Mask-Adapter (arXiv 2412.04533): learned activation maps in place of the mask.

    Attributes:
        phase: "warmup" trains on ground-truth masks, "mixed" adds matched predictions.
        num_maps: Activation maps per mask (K).
        width: Channels of the adapter's blocks.
        mask_width: Channels of the embedded mask.
        num_blocks: ConvNeXt blocks in the adapter.
        patchify: How masks are embedded and meet CLIP's map: two 3 x 3 convolutions of stride 2,
            added; the same, beside it; or one 4 x 4 convolution of stride 4, added.
        use_clip: Whether the adapter sees CLIP's map; if not, it sees the mask alone, and only
            what is pooled is CLIP's.
        layer_scale_init: First value of the blocks' layer scale.
        mask_threshold: Probability above which a predicted mask counts as inside.
        chunk: Masks adapted at once; bounds the memory.
        num_truth: Ground-truth masks in the loss (32 in the warm-up, 16 in mixed training).
        num_matched: Matched pairs of prediction and truth in mixed training.
        match_rule: One random prediction per truth (the code), every pair (the paper), one to one
            by the largest sum of IoUs, or one to one by Mask2Former's costs whatever the IoU.
        match_iou: IoU above which a prediction matches.
        match_probability: Probability at which predictions are binarised for the IoU: 0.4 on
            FC-CLIP, 0.5 on MAFT+.
        class_weight: Weight of the cross-entropy.
        cosine_weight: Weight of the cosine consistency between matched masks.
        detach_truth: Stop the cosine loss's gradient at the truth's side (FC-CLIP: yes).
        pad_empty: Padding pairs are empty masks (FC-CLIP's 0.5 threshold) rather than full.
    """

    module = "ovseg_jax.methods.mask_adapter:MaskAdapter"
    kind: Literal["mask_adapter"] = "mask_adapter"
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
    num_truth: int = 32
    num_matched: int = 8
    match_rule: Literal["one_per_truth", "every_pair", "hungarian", "mask2former"] = "one_per_truth"
    match_iou: float = 0.7
    match_probability: float = 0.4
    class_weight: float = 2.0
    cosine_weight: float = 5.0
    detach_truth: bool = True
    pad_empty: bool = True
    has_void: bool = True
    tune_text: bool = False


@schema
class MaftPlusConfig:
    """MAFT+ (arXiv 2408.00744): mask pooling compared with words that the image changes.

    Attributes:
        panoptic: Which of the transfer's two functions the weights were trained for.
        scrambled: Whether the transfer reads the layout that the published weights know.
    """

    module = "ovseg_jax.methods.maft_plus:MaftPlus"
    kind: Literal["maft_plus"] = "maft_plus"
    panoptic: bool = False
    scrambled: bool = True
    transfer_heads: int = 8
    has_void: bool = True
    tune_text: bool = False
    num_truth: int = 32


@schema
class MaskAdapterOnMaftConfig(MaskAdapterConfig):
    """Mask-Adapter on MAFT+; its code differs from that on FC-CLIP in these defaults.

    Attributes:
        panoptic: As for `MaftPlusConfig`.
        scrambled: As for `MaftPlusConfig`; the adapter reads the same map.
    """

    module = "ovseg_jax.methods.maft_plus:MaskAdapterOnMaft"
    kind: Literal["mask_adapter_on_maft"] = "mask_adapter_on_maft"
    match_probability: float = 0.5
    detach_truth: bool = False
    pad_empty: bool = False
    panoptic: bool = False
    scrambled: bool = True
    transfer_heads: int = 8


@schema
class MaskClipPlusPlusConfig:
    """MaskCLIP++; the fields are those of `ovseg_jax.methods.maskclippp.MaskClipPlusPlus`.

    Attributes:
        depth: Transformers: how many of the last blocks mask tokens pass through.
        strength: Factor of the mask in the attention's logits; 0 learns it.
        psm: How masks and words are compared; a kind of `ovseg_jax.models.similarity`.
        keep_psm: Whether the PSM is used when answering.
        condition: What pseudo text looks at: every cell, or the embedding of the whole image.
        num_templates: Prompt templates per name; must fit `templates` of the model.
        scaled: Whether the linear PSM reads cosines times temperature.
        prior: What is shown as a region while training.
        class_loss: Softmax or sigmoid.
        reweight: Whether every class of every image weighs the same in the loss.
        ignore_empty: Whether masks that vanish on the grid leave the loss.
        one_synonym: Whether each step compares with one name per class, drawn anew.
        chunk: Masks of each image read at once.
    """

    module = "ovseg_jax.methods.maskclippp:MaskClipPlusPlus"
    kind: Literal["maskclippp"] = "maskclippp"
    depth: int = 3
    strength: float = 0.0
    psm: Literal["none", "linear", "pseudo_text", "pseudo_only", "linear_mask", "linear_text"] = (
        "linear"
    )
    keep_psm: bool = True
    condition: Literal["cells", "whole"] = "cells"
    num_templates: int = 14
    scaled: bool = True
    prior: Literal["masks", "boxes", "generated", "pixels"] = "masks"
    class_loss: Literal["ce", "bce"] = "ce"
    reweight: bool = True
    loss_temperature: float = 1.0
    ignore_empty: bool = False
    one_synonym: bool = True
    chunk: int = 128
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 64


@schema
class DensePixelsConfig:
    """No masks: cells of the image tower are named one by one.

    Attributes:
        readout: How the last block of a transformer is read: as it is ("plain", any tower), values
            attending to values, queries to queries, or queries to queries and keys to keys.
    """

    module = "ovseg_jax.methods.dense_pixels:DensePixels"
    kind: Literal["dense_pixels"] = "dense_pixels"
    readout: Literal["plain", "values", "queries", "queries_keys"] = "values"
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 32


@schema
class ContrastiveConfig:
    """Contrastive image-caption training of CLIP itself; evaluated by mask pooling.

    Attributes:
        crop_probability: Chance that an image is cut to a random rectangle.
        crop_pixels: Smallest and largest side of that rectangle.
        objectives: What is compared with captions: the mean of the cells inside the rectangle,
            the tower's own embedding of the picture, or both.
        consistency: Weight of the loss that pulls the rectangle's cells in the whole picture
            towards those in the cut one.
    """

    module = "ovseg_jax.methods.contrastive:ContrastiveClip"
    kind: Literal["contrastive"] = "contrastive"
    crop_probability: float = 0.6
    crop_pixels: tuple[int, int] = (24, 88)
    objectives: tuple[Literal["cells", "image"], ...] = ("cells",)
    consistency: float = 0.0
    has_void: bool = False


@schema
class MaskGeneratorConfig:
    """The mask generator alone: trained by the set criterion, masks named by its own class head.

    Attributes:
        class_weight: Weight of the cross-entropy, in the matching and in the loss.
        mask_weight: Weight of the loss per point or pixel of a mask.
        dice_weight: Weight of the dice loss.
        no_object_weight: Weight of unmatched queries in the cross-entropy.
        mask_loss: Binary cross-entropy (Mask2Former) or focal loss (MaskFormer, OVSeg).
        num_points: Points at which masks are compared; 0 for every pixel (MaskFormer).
        oversample: Candidates per point, of which the least certain are taken.
        importance: Share of the points that are taken so.
    """

    module = "ovseg_jax.methods.mask_generator:MaskGenerator"
    kind: Literal["mask_generator"] = "mask_generator"
    class_weight: float = 2.0
    mask_weight: float = 5.0
    dice_weight: float = 5.0
    no_object_weight: float = 0.1
    mask_loss: Literal["bce", "focal"] = "bce"
    num_points: int = 12544
    oversample: float = 3.0
    importance: float = 0.75
    has_void: bool = True
    tune_text: bool = False
    num_truth: int = 100


# A method is its dataclass here; `module` says where the code is. See docs/adding_a_method.md.
MethodConfig = (
    MaskPoolingConfig
    | MaskCroppingConfig
    | FisaConfig
    | OVSegConfig
    | MaskAdapterConfig
    | MaftPlusConfig
    | MaskAdapterOnMaftConfig
    | MaskClipPlusPlusConfig
    | DensePixelsConfig
    | ContrastiveConfig
    | MaskGeneratorConfig
)
