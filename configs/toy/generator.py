"""The toy world's mask generator: trained on all masks, and on the names of the 32 seen classes.

python train.py configs/toy/generator.py --workdir runs/toy_generator

Masks of the other 16 classes have no names in training, as in SA-1B: it learns to outline them.
It has a small trunk of its own, since the toy CLIP's map has cells of eight pixels, and names its
masks by the toy CLIP's words, as FC-CLIP does.
"""

import dataclasses

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    MaskGeneratorConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """CLIP is frozen; every pixel of the 128 x 128 scenes is about one of the 1,024 points."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_toy_128"),
            method=MaskGeneratorConfig(num_points=1024, num_truth=12),
            generator=common.TOY_GENERATOR,
            inference=common.TOY_INFERENCE,
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=dataclasses.replace(
            common.toy_world("masks", batch_size=16), classes=common.TOY_SEEN, others="unnamed"
        ),
        optimizer=OptimizerConfig(
            rule="muon",
            peak_lr=3e-3,
            warmup_steps=100,
            clip_norm=1.0,
            trainable=(r"generator/.*", r"void_embedding"),
        ),
        checkpoint=CheckpointConfig(every_steps=500),
        evaluations=(common.toy_pixels_evaluation("validation"),),
        num_steps=3000,
        log_every=20,
        init_from="ovseg_jax/assets/toy/clip_convnext_seed0",
        init_missing=(r"generator/.*", r"void_embedding"),
    )
