"""Mask-Adapter on the toy CLIP: ground-truth warm-up on the 32 seen classes.

python train.py configs/toy/mask_adapter.py --workdir runs/toy_adapter
"""

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    MaskAdapterConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """CLIP and generator are frozen; the adapter sees true masks of the seen classes only."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_toy_128"),
            method=MaskAdapterConfig(
                num_maps=8,
                width=64,
                num_blocks=2,
                layer_scale_init=0.1,
                chunk=64,
                num_truth=6,
            ),
            generator=common.TOY_GENERATOR,
            inference=common.TOY_INFERENCE,
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=common.toy_world("train", batch_size=16),
        optimizer=OptimizerConfig(peak_lr=2e-3, warmup_steps=20, trainable=(r"adapter/.*",)),
        checkpoint=CheckpointConfig(every_steps=100),
        evaluations=(common.toy_evaluation("test"),),
        num_steps=300,
        log_every=10,
        init_from="ovseg_jax/assets/toy/fcclip",
        init_missing=(r"adapter/.*",),
    )
