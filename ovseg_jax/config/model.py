"""What a weights directory must say to be usable: towers, method, generator, inference."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.generators import GeneratorConfig, NoGeneratorConfig
from ovseg_jax.config.methods import MaskAdapterConfig, MethodConfig
from ovseg_jax.config.schema import schema


@schema
class ClipConfig:
    """The image and text towers.

    Attributes:
        variant: A row of `ovseg_jax.models.clip.variants`; empty for a mask generator that knows a
            fixed list of classes and needs no words.
        compute_dtype: Type of activations; parameters, norms and logits stay float32. "auto" is
            bfloat16 on accelerators and float32 on a CPU, where bfloat16 is no faster.
        position_resize: How position embeddings fit another grid, a key of
            `ops.attention.positions.WAYS`; empty for the way of the tower's own code base.
        tokenizer_file: SentencePiece model of SigLIP; inside a weights directory its name there.
    """

    variant: str = "convnext_large_d_320"
    compute_dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    position_resize: str = ""
    tokenizer_file: str = ""


@schema
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


@schema
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


@schema
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
