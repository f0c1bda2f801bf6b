"""The toy ViT CLIP that is shipped: as `clip_convnext`, with a loss on the class token too.

python train.py configs/toy/clip_vit.py --workdir runs/toy_clip_vit --seed 0
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
    """All parameters train; captions of pictures with few things and of whole scenes mix."""
    data = common.toy_world("web+train[:3000]", batch_size=64)
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_toy"),
            method=ContrastiveConfig(
                crop_probability=0.9,
                crop_pixels=(16, 72),
                objectives=("cells", "image"),
                consistency=1.0,
            ),
            inference=InferenceConfig(short_side=96, long_side=96),
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=dataclasses.replace(data, captions=True),
        optimizer=OptimizerConfig(
            peak_lr=1.5e-3,
            warmup_steps=100,
            beta2=0.98,
            weight_decay=0.05,
            trainable=(".*",),
        ),
        checkpoint=CheckpointConfig(every_steps=300),
        evaluations=(common.toy_evaluation("validation", every_steps=300),),
        num_steps=1500,
        log_every=50,
    )
