"""Mask-Adapter on the toy CLIP, second phase: ground truth mixed with imperfect masks.

    python train.py configs/toy/mask_adapter_mixed.py --workdir runs/toy_mixed

Goes on from the warm-up's weights. A generator's predictions are imitated by perturbing ground
truth to a mean IoU of 0.8; cross-entropy on all, cosine consistency between matched pairs.
"""

import dataclasses

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    InferenceConfig,
    MaskAdapterConfig,
    MaskSourceConfig,
    ModelConfig,
    OptimizerConfig,
)

IMPERFECT = MaskSourceConfig(kind="perturbed", iou=0.8)


def get_config() -> Config:
    """CLIP is frozen; evaluation is on ground-truth masks and on imperfect ones."""
    evaluation = common.toy_evaluation("test")
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_toy_128"),
            method=MaskAdapterConfig(
                phase="mixed",
                num_maps=8,
                width=64,
                num_blocks=2,
                layer_scale_init=0.1,
                chunk=64,
                num_truth=6,
                num_matched=3,
                has_void=False,
            ),
            inference=InferenceConfig(short_side=128, long_side=128),
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=common.toy_world("train", batch_size=16),
        masks=IMPERFECT,
        optimizer=OptimizerConfig(peak_lr=5e-4, warmup_steps=20, trainable=(r"adapter/.*",)),
        checkpoint=CheckpointConfig(every_steps=100),
        evaluations=(
            evaluation,
            dataclasses.replace(evaluation, name="test_imperfect", masks=IMPERFECT),
        ),
        num_steps=200,
        log_every=10,
        init_from="ovseg_jax/assets/toy/mask_adapter",
    )
