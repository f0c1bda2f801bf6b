"""The schema of every experiment: small frozen dataclasses, one per concern.

A config file under `configs/` returns a `Config`; the command line overrides single fields
(`--optimizer.peak-lr 2e-4`). This module only describes; `ovseg_jax.build` turns descriptions
into modules, and each part of the program reads its own section.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

_schema = dataclasses.dataclass(frozen=True, kw_only=True)


@_schema
class ClipConfig:
    """The image and text towers.

    Attributes:
        variant: A row of `ovseg_jax.models.clip.variants`; empty for a mask generator that knows a
            fixed list of classes and needs no words.
        compute_dtype: Type of activations; parameters, norms and logits stay float32.
        position_resize: How position embeddings fit another grid, a key of
            `ovseg_jax.ops.positions.WAYS`; empty for the way of the tower's own code base.
        tokenizer_file: SentencePiece model of SigLIP; inside a weights directory its name there.
    """

    variant: str = "convnext_large_d_320"
    compute_dtype: Literal["float32", "bfloat16"] = "float32"
    position_resize: str = ""
    tokenizer_file: str = ""


@_schema
class MaskPoolingConfig:
    """Average the trunk map under each mask (FC-CLIP's out-of-vocabulary branch)."""

    module = "ovseg_jax.methods.mask_pooling:MaskPooling"
    kind: Literal["mask_pooling"] = "mask_pooling"
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 32


@_schema
class MaskCroppingConfig:
    """Encode the crop around each mask as an image of its own.

    Attributes:
        crop_size: Side of the square crops in pixels.
        fill: What stands outside the mask: the mean colour, or the picture itself.
        expand: Factor by which the mask's box grows before cropping.
        chunk: Crops encoded at once; bounds the memory.
        mask_threshold: Probability above which a pixel of a soft mask is inside.
    """

    module = "ovseg_jax.methods.mask_cropping:MaskCropping"
    kind: Literal["mask_cropping"] = "mask_cropping"
    crop_size: int = 224
    fill: Literal["mean", "picture"] = "mean"
    expand: float = 1.0
    chunk: int = 32
    mask_threshold: float = 0.5
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 32


@_schema
class OVSegConfig:
    """OVSeg: crops through a CLIP with mask prompts; see `ovseg_jax.methods.ovseg.OVSeg`.

    Attributes:
        crop_size: Side of the square crops in pixels.
        fill: What stands outside the mask: the mean colour, or the picture itself.
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
    fill: Literal["mean", "picture"] = "mean"
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


@_schema
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


@_schema
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


@_schema
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


@_schema
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


@_schema
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


@_schema
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


@_schema
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


@_schema
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


@_schema
class NoGeneratorConfig:
    """The model has no mask generator: masks are given."""

    kind: Literal["none"] = "none"


@_schema
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


@_schema
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


@_schema
class MaskSourceConfig:
    """Where masks come from while training and evaluating.

    Attributes:
        kind: The data's own ground truth, ground truth perturbed into imperfect masks, the
            model's own mask generator, or another model's (evaluation only).
        iou: Mean IoU that perturbed masks are aimed at.
        copies: Perturbed masks per ground-truth mask.
        path: Weights directory or run of the other model.
        most: Bounds the masks per image of SAM, the best first.
    """

    kind: Literal["ground_truth", "perturbed", "generator", "model"] = "ground_truth"
    iou: float = 0.8
    copies: int = 1
    path: str = ""
    most: int = 256


@_schema
class EnsembleConfig:
    """Geometric mean of the generator's and CLIP's probabilities.

    Attributes:
        kind: "fcclip" shares what void leaves among the classes; "ovseg" takes the products as
            they are, void's share missing.
        alpha: CLIP's exponent for classes of the training vocabulary.
        beta: CLIP's exponent for all others.
        skip_empty: Masks that cover no cell of CLIP's map keep the generator's opinion
            (FC-CLIP with ResNet towers).
        floor: Added to mixed probabilities before their logarithm (MaskCLIP++: 1e-8).
        with_others: Whether another model's generator has a say about classes (MaskCLIP++); if
            not, only its "no object" counts.
    """

    kind: Literal["fcclip", "ovseg"] = "fcclip"
    alpha: float = 0.4
    beta: float = 0.8
    skip_empty: bool = False
    floor: float = 0.0
    with_others: bool = False


@_schema
class InferenceConfig:
    """How scores and masks become an answer.

    Attributes:
        short_side: Test size of the shorter side in pixels; 0 leaves images as they are.
        long_side: Limit of the longer side in pixels.
        object_threshold: Panoptic: lowest class probability of a mask.
        overlap_threshold: Panoptic: lowest visible fraction of a mask.
        top_instances: Instance: how many survive.
        min_score: Pixels and segments below this probability stay unlabelled.
    """

    short_side: int = 896
    long_side: int = 896
    object_threshold: float = 0.0
    overlap_threshold: float = 0.8
    top_instances: int = 100
    min_score: float = 0.0
    ensemble: EnsembleConfig = EnsembleConfig()


@_schema
class ModelConfig:
    """What a weights directory must say to be usable: towers, method, inference, words.

    Attributes:
        generator: The model's own mask generator, if it has one.
        templates: Prompt set by name: "vild14", "single", "imagenet80" or "plain".
        train_vocabulary: Class list that decides which classes count as seen.
    """

    clip: ClipConfig = ClipConfig()
    method: MethodConfig = MaskAdapterConfig()
    generator: GeneratorConfig = NoGeneratorConfig()
    inference: InferenceConfig = InferenceConfig()
    templates: str = "vild14"
    train_vocabulary: str = ""


@_schema
class DataConfig:
    """The training stream.

    Attributes:
        name: A folder under `data/`, which holds a TFDS builder.
        config: Builder config; empty for its default.
        split: TFDS split, slices allowed ("train[:64]").
        root: Where the publisher's files lie; empty where the builder makes its own.
        prepared: Where TFDS keeps prepared records; empty for its default.
        vocabulary: Class list of the labels: a preset or a file.
        image_size: Height and width of training images in pixels.
        batch_size: Images per step over all devices.
        max_segments: Ground-truth slots per image.
        scale: Range of large-scale jitter; (1, 1) only fits the image into the frame.
        flip: Whether half of the images are mirrored.
        pad_value: Grey level of the padding before normalisation (detectron2: 128); -1 means
            the mean colour.
        classes: Class names whose segments are kept; empty for all.
        min_area: Segments below this fraction of the photo's pixels are dropped; measured on the
            annotation at the photo's own size, before any scaling, cropping or padding, so that
            training and evaluation drop the same ones.
        shuffle: Order the examples anew in each epoch.
        captions: Whether a caption of each image is drawn and tokenised.
        fraction: Share of the split's records that are read, at least one: a random subset.
        subset_seed: Draws the subset; of one seed, larger subsets contain the smaller ones.
    """

    name: str = "coco_panoptic"
    config: str = ""
    split: str = "train"
    root: str = ""
    prepared: str = ""
    vocabulary: str = "coco_panoptic133"
    image_size: tuple[int, int] = (1024, 1024)
    batch_size: int = 8
    max_segments: int = 64
    scale: tuple[float, float] = (0.1, 2.0)
    flip: bool = True
    pad_value: int = 128
    classes: tuple[str, ...] = ()
    min_area: float = 0.0
    shuffle: bool = True
    captions: bool = False
    fraction: float = 1.0
    subset_seed: int = 0


@_schema
class LrFactor:
    """A factor on the learning rate of some parameters."""

    pattern: str = ""
    factor: float = 1.0


@_schema
class OptimizerConfig:
    """AdamW on the trainable part.

    Attributes:
        trainable: Patterns of the parameters that train; the rest is frozen.
        schedule: Shape of the learning rate after the warm-up.
        milestones: Steps at which a "step" schedule divides by ten.
        no_decay: Patterns without weight decay.
        eps: Added to the root of the second moment.
        clip_norm: Largest global gradient norm.
        end_lr: Where a "cosine" schedule ends.
        lr_factors: Patterns of parameters and factors on their learning rate; the first that
            matches counts.
    """

    peak_lr: float = 1e-4
    schedule: Literal["constant", "cosine", "step", "poly"] = "cosine"
    warmup_steps: int = 0
    milestones: tuple[int, ...] = ()
    weight_decay: float = 0.05
    no_decay: tuple[str, ...] = (
        r".*/(bias|scale|layer_scale)",
        r"(.*/)?[a-z_]*embedding",
        r".*logit_scale",
    )
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    clip_norm: float = 1.0
    end_lr: float = 0.0
    lr_factors: tuple[LrFactor, ...] = ()
    trainable: tuple[str, ...] = (r"adapter/.*", r"void_embedding")


@_schema
class MeshConfig:
    """Devices as a named grid; -1 takes what is left."""

    data: int = -1
    fsdp: int = 1


@_schema
class CheckpointConfig:
    """When to save, and how many to keep."""

    every_steps: int = 1000
    keep: int = 3


@_schema
class EvaluationConfig:
    """One evaluation over one split.

    Attributes:
        name: Prefix of its numbers.
        metrics: Which evaluators run.
        every_steps: How often during training; 0 for the end only.
        max_images: Upper bound of images; 0 for all.
        protocol: "frame" fits pictures into `data.image_size` and scores there; "photo" uses the
            test size of the model's inference section and scores at the photo's own size.
        miou: Whether classes that are predicted but absent count (older detectron2) or not.
    """

    name: str = "validation"
    data: DataConfig = DataConfig()
    masks: MaskSourceConfig = MaskSourceConfig()
    metrics: tuple[Literal["mask_accuracy", "semantic", "panoptic", "instance"], ...] = (
        "mask_accuracy",
    )
    every_steps: int = 0
    max_images: int = 0
    protocol: Literal["frame", "photo"] = "frame"
    miou: Literal["absent_dropped", "absent_counted"] = "absent_dropped"


@_schema
class Config:
    """One experiment, whole.

    Attributes:
        init_from: Weights directory or run to start from; empty trains from scratch.
        init_parts: Pairs of a pattern and another weights directory or run: parameters that the
            pattern matches come from there. The first match wins, the rest is `init_from`'s.
        init_missing: Patterns of parameters that may be absent there and start fresh.
    """

    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    masks: MaskSourceConfig = MaskSourceConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    mesh: MeshConfig = MeshConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    evaluations: tuple[EvaluationConfig, ...] = ()
    num_steps: int = 1000
    log_every: int = 20
    seed: int = 0
    init_from: str = ""
    init_parts: tuple[tuple[str, str], ...] = ()
    init_missing: tuple[str, ...] = ()
