"""The toy CLIP that is shipped: contrastive training on parts of toy pictures and their captions.

python train.py configs/toy/clip_convnext.py --workdir runs/toy_clip --seed 0
"""

import dataclasses

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    ContrastiveConfig,
    InferenceConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """All parameters train, on a quarter of a picture's pixels, where things have their own size.

    Nothing is mirrored, since captions tell left from right.
    """
    data = common.toy_world("parts", batch_size=128)
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_toy_128"),
            method=ContrastiveConfig(crop_probability=0.0),
            inference=InferenceConfig(short_side=128, long_side=128),
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=dataclasses.replace(data, image_size=(64, 64), flip=False, captions=True),
        optimizer=OptimizerConfig(
            rule="muon",
            peak_lr=6e-3,
            warmup_steps=100,
            beta2=0.98,
            weight_decay=0.05,
            trainable=(".*",),
        ),
        checkpoint=CheckpointConfig(every_steps=200),
        evaluations=(common.toy_evaluation("validation", every_steps=1000),),
        num_steps=4000,
        log_every=50,
    )
