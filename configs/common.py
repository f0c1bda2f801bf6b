"""What several experiments share: values, a place for toy scenes, a report on variants.

Files are forked, not inherited, so nothing here builds an experiment.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from ovseg_jax.config import (
    Config,
    DataConfig,
    EnsembleConfig,
    EvaluationConfig,
    InferenceConfig,
    MaskSourceConfig,
    QueryGeneratorConfig,
)
from ovseg_jax.loading.parameters import trainable_groups

TOY_SEEN = (
    *("ball", "clock", "wheel", "book", "radio", "oven", "pizza", "cone", "harp", "kite", "gem"),
    *("rug", "boat", "sledge", "bread", "flower", "badge", "spider", "bird", "robot", "windmill"),
    *("tower", "lamp", "bottle", "phone", "rocket"),
    *("grass", "water", "sky", "snow", "brick", "forest"),
)
"""Classes of the toy world that have masks in training; the other 16 occur in captions only."""


def toy_world(split: str, batch_size: int, *, augmented: bool = True) -> DataConfig:
    """The toy world at its own size."""
    return DataConfig(
        name="toy_world",
        config="full",
        split=split,
        vocabulary="toy_world48",
        image_size=(128, 128),
        batch_size=batch_size,
        max_segments=12,
        scale=(1.0, 1.0),
        flip=augmented,
        shuffle=augmented,
    )


def toy_pixels_evaluation(split: str) -> EvaluationConfig:
    """MIoU, PQ and AP of the toy world from pixels, by the model's own generator."""
    return EvaluationConfig(
        name=f"{split}_from_pixels",
        data=toy_world(split, batch_size=50, augmented=False),
        masks=MaskSourceConfig(kind="generator"),
        metrics=("semantic", "panoptic", "instance"),
    )


def toy_evaluation(split: str, every_steps: int = 0) -> EvaluationConfig:
    """Mask accuracy, mIoU and PQ on ground-truth masks of the toy world."""
    return EvaluationConfig(
        name=split,
        data=toy_world(split, batch_size=50, augmented=False),
        metrics=("mask_accuracy", "semantic", "panoptic"),
        every_steps=every_steps,
    )


TOY_GENERATOR = QueryGeneratorConfig(
    backbone="convnext_toy",
    num_queries=24,
    width=64,
    mask_width=64,
    heads=4,
    levels=2,
    encoder_layers=2,
    encoder_hidden=128,
    decoder_layers=4,
    decoder_hidden=128,
)
"""The toy world's mask generator; `configs/toy/generator.py` trains it."""

TOY_INFERENCE = InferenceConfig(
    short_side=128, long_side=128, ensemble=EnsembleConfig(alpha=0.7, beta=0.9)
)
"""The toy world at its own size, with FC-CLIP's ensemble. Exponents were chosen on the validation
split: beside its generator the toy CLIP knows more than those of photos do (0.4 and 0.8)."""


ADAPTER_NO_DECAY = (r"adapter/norm/(scale|bias)", r"void_embedding")
"""The released training exempts torch's own norms and embeddings only, so the adapter's custom
norms, biases and layer scales do decay there (docs/reference 1.6)."""


GENERATOR_NO_DECAY = (
    r".*norm\w*/(scale|bias)",
    r"generator/decoder/(query_features|query_positions|level_embedding)",
    r".*/relative_positions",
    r"void_embedding",
)
"""What the recipes of Mask2Former and its heirs exempt: norms and embeddings, but not biases."""


TUNING_NO_DECAY = (r".*norm\w*/(scale|bias)", r".*(position|class)_embedding")
"""What MaskCLIP++ exempts while it tunes CLIP: norms, positions and the class token."""


OVSEG_SWIN_BASE = QueryGeneratorConfig(
    backbone="swin_base",
    pixel_decoder="fpn",
    decoder="detr",
    class_head="embedding",
    num_queries=100,
    encoder_layers=0,
    decoder_layers=6,
)
OVSEG_RESNET101C = dataclasses.replace(OVSEG_SWIN_BASE, backbone="resnet101c")
"""OVSeg's two mask generators: MaskFormer, its queries named by words."""


def ovseg_ensemble(weight: float) -> EnsembleConfig:
    """OVSeg's ensemble; `weight` is the paper's lambda, CLIP's exponent for all classes."""
    return EnsembleConfig(kind="ovseg", alpha=weight, beta=weight)


def maskclippp_ensemble(gamma: float) -> EnsembleConfig:
    """The ensemble of MaskCLIP++ with whatever model made the masks.

    Args:
        gamma: Exponent of the generator's probability for seen words, as in the paper; 0 leaves the
            generator nothing but "no object". The released code counts the other way: 1 - gamma.
    """
    return EnsembleConfig(alpha=round(1 - gamma, 6), beta=1.0, floor=1e-8, with_others=True)


OPEN_CLIP_NO_DECAY = (r".*/(bias|scale)", r".*class_embedding", r".*logit_scale")
"""What OVSeg's tuning, a fork of open_clip, exempts: whatever has fewer than two axes."""


def coco_panoptic(image_size: tuple[int, int], batch_size: int) -> DataConfig:
    """COCO panoptic, large-scale jitter 0.1 to 2, grey padding; needs `--data.root`."""
    return DataConfig(
        name="coco_panoptic",
        split="train",
        vocabulary="coco_panoptic133",
        image_size=image_size,
        batch_size=batch_size,
        max_segments=96,
    )


def coco_stuff(
    image_size: tuple[int, int], batch_size: int, *, color_jitter: bool = False
) -> DataConfig:
    """COCO-Stuff, 171 classes, one segment per class; needs `--data.root`."""
    return DataConfig(
        name="coco_stuff",
        split="train",
        vocabulary="coco_stuff171",
        image_size=image_size,
        batch_size=batch_size,
        max_segments=48,
        color_jitter=color_jitter,
    )


def coco_pixels_evaluation() -> EvaluationConfig:
    """MIoU and PQ on COCO panoptic at test size, by the model's own generator."""
    return dataclasses.replace(
        coco_evaluation(),
        masks=MaskSourceConfig(kind="generator"),
        metrics=("semantic", "panoptic"),
    )


def coco_stuff_pixels_evaluation() -> EvaluationConfig:
    """MIoU on COCO-Stuff at test size, by the model's own generator."""
    return EvaluationConfig(
        name="coco_stuff",
        data=DataConfig(
            name="coco_stuff",
            config="validation",
            split="validation",
            vocabulary="coco_stuff171",
            max_segments=96,
        ),
        masks=MaskSourceConfig(kind="generator"),
        metrics=("semantic",),
        protocol="photo",
        miou="absent_counted",
    )


def ade_evaluation(
    masks: MaskSourceConfig, miou: Literal["absent_dropped", "absent_counted"] = "absent_dropped"
) -> EvaluationConfig:
    """MIoU on ADE20K-150's validation photos, in a folder as `data/photo_set` reads it."""
    return EvaluationConfig(
        name="ade150",
        data=DataConfig(
            name="photo_set",
            config="ade150",
            split="train",  # the only split of a folder
            vocabulary="ade150",
            max_segments=150,
        ),
        masks=masks,
        metrics=("semantic",),
        protocol="photo",
        miou=miou,
    )


def coco_evaluation() -> EvaluationConfig:
    """Accuracy on ground-truth masks, mIoU and PQ on COCO panoptic at test size."""
    return EvaluationConfig(
        name="coco_panoptic",
        data=DataConfig(
            name="coco_panoptic",
            config="validation",
            split="validation",
            vocabulary="coco_panoptic133",
            max_segments=128,
        ),
        metrics=("mask_accuracy", "semantic", "panoptic"),
        protocol="photo",
    )


def ovseg_evaluation() -> EvaluationConfig:
    """MIoU and PQ of the model's own masks on COCO panoptic; OVSeg counts absent classes."""
    return dataclasses.replace(
        coco_evaluation(),
        masks=MaskSourceConfig(kind="generator"),
        metrics=("semantic", "panoptic"),
        miou="absent_counted",
    )


def scored_with(config: Config, **fields: Any) -> Config:
    """Replaces fields of all evaluations of an experiment."""
    evaluations = tuple(dataclasses.replace(item, **fields) for item in config.evaluations)
    return dataclasses.replace(config, evaluations=evaluations)


def with_scenes_in(folder: Path, config: Config) -> Config:
    """Lets the scenes of a toy experiment be drawn into a folder."""
    place = {"prepared": str(folder), "config": "scenes"}
    evaluations = tuple(
        dataclasses.replace(item, data=dataclasses.replace(item.data, **place))
        for item in config.evaluations
    )
    data = dataclasses.replace(config.data, **place)
    return dataclasses.replace(config, data=data, evaluations=evaluations)


def report_variants(
    variants: Mapping[str, Callable[[], Config]], names: Iterable[str] = ()
) -> None:
    """Prints the trainable parameters of variants: in millions, and by group.

    Args:
        variants: Configs by name.
        names: Which of them; none for all.
    """
    for name in names or variants:
        groups = trainable_groups(variants[name]())
        parts = ", ".join(f"{part} {count:,}" for part, count in groups.items())
        print(f"{name:26s} {sum(groups.values()) / 1e6:8.3f} M   {parts}")
