"""The toy ViT CLIP that is shipped: as `clip_convnext`, with two more losses.

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
    """All parameters train; the class token learns too.

    Cells of a whole picture must be told by the same rectangle cut out of it, or attention lets
    them name what stands elsewhere. Scenes have four times the cells that are trained on.
    """
    data = common.toy_world("parts", batch_size=128)
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_toy_64"),
            method=ContrastiveConfig(
                crop_probability=0.5,
                crop_pixels=(16, 48),
                objectives=("cells", "image"),
                consistency=1.0,
                consistency_loss="contrast",
            ),
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
        num_steps=3000,
        log_every=50,
    )
