"""OVSeg on the toy ViT: mask prompts alone, learned on true masks of the 32 seen classes.

python train.py configs/toy/ovseg.py --workdir runs/toy_ovseg
"""

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    ModelConfig,
    OptimizerConfig,
    OVSegConfig,
)


def get_config() -> Config:
    """The towers are frozen; crops have the size of the tower's own images."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_toy"),
            method=OVSegConfig(crop_size=96, chunk=64, num_truth=6, duplicates="ignored"),
            inference=common.TOY_INFERENCE,
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=common.toy_world("train", batch_size=16),
        optimizer=OptimizerConfig(
            peak_lr=1e-2,
            warmup_steps=20,
            weight_decay=0.0,
            trainable=(r"prompt/.*",),
        ),
        checkpoint=CheckpointConfig(every_steps=200),
        evaluations=(common.toy_evaluation("test"),),
        num_steps=300,
        log_every=20,
        init_from="ovseg_jax/assets/toy/clip_vit_seed0",
        init_missing=(r"prompt/.*",),
    )
