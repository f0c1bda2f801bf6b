"""Mask-Adapter on photos of your own: a folder with one COCO instances file, or a manifest.json.

ovseg data build photo_set --manual-dir PHOTOS          # optional: prints classes and counts
ovseg train configs/own_photos.py --workdir runs/mine --data.root PHOTOS
ovseg evaluate runs/mine

The classes are those that the annotations name (`data.vocabulary` is empty). Trained are the first
four fifths of the photos in the order of their list, scored the rest; both are `--data.split` and
`--evaluations.0.data.split`. The model here is the tiny one of the package, which knows a drawn
world and trains in minutes on a processor: it shows that a folder is read as it should be.
`configs/own_photos.py:convnext_large` is FC-CLIP's model, with the weights of `docs/weights.md`.
"""

import dataclasses

from configs import common
from configs.mask_adapter import convnext_large_coco_mixed as mixed
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    DataConfig,
    EvaluationConfig,
    MaskAdapterConfig,
    ModelConfig,
    OptimizerConfig,
)

TRAIN, TEST = "train[:80%]", "train[80%:]"


def get_config(variant: str = "toy") -> Config:
    """The tiny model, or the variant of that name."""
    return VARIANTS[variant]()


def toy() -> Config:
    """Goes on with the shipped adapter."""
    data = photos(image_size=(128, 128), batch_size=4)
    method = MaskAdapterConfig(
        num_maps=8, width=64, num_blocks=2, layer_scale_init=0.1, chunk=64, num_truth=6
    )
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_toy_128"),
            method=method,
            generator=common.TOY_GENERATOR,
            inference=common.TOY_INFERENCE,
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=dataclasses.replace(data, scale=(1.0, 1.0)),
        optimizer=OptimizerConfig(peak_lr=2e-4, warmup_steps=20, trainable=(r"adapter/.*",)),
        checkpoint=CheckpointConfig(every_steps=100),
        evaluations=(scores(data, protocol="frame"),),
        num_steps=300,
        log_every=10,
        init_from="ovseg_jax/assets/toy/mask_adapter",
    )


def convnext_large() -> Config:
    """Goes on with Mask-Adapter on FC-CLIP ConvNeXt-L, as its second phase left it."""
    data, published = photos(image_size=(768, 768), batch_size=8), mixed.get_config()
    return dataclasses.replace(
        published,
        data=data,
        optimizer=dataclasses.replace(
            published.optimizer, peak_lr=1e-5, schedule="cosine", milestones=(), warmup_steps=100
        ),
        checkpoint=CheckpointConfig(every_steps=500),
        evaluations=(scores(data, protocol="photo"),),
        num_steps=5_000,
        init_from="weights/mask_adapter_large",
        init_parts=(),
        init_missing=(),
    )


def photos(image_size: tuple[int, int], batch_size: int) -> DataConfig:
    """The folder's own classes; needs `--data.root`."""
    return DataConfig(
        name="photo_set",
        split=TRAIN,
        vocabulary="",
        image_size=image_size,
        batch_size=batch_size,
        max_segments=64,
    )


def scores(data: DataConfig, protocol: str) -> EvaluationConfig:
    """Mask accuracy and mIoU on true masks of the photos that were not trained on."""
    data = dataclasses.replace(data, split=TEST, max_segments=256, shuffle=False, flip=False)
    return EvaluationConfig(
        name="own_photos",
        data=data,
        metrics=("mask_accuracy", "semantic"),
        protocol=protocol,
        seen_apart=False,  # all of these classes are trained on, whatever the model saw before
    )


VARIANTS = {"toy": toy, "convnext_large": convnext_large}
