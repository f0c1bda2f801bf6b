"""MaskCLIP++ on the toy ViT: CLIP's own attention tuned on true masks of the 32 seen classes.

python train.py configs/toy/maskclippp.py --workdir runs/toy_maskclippp
"""

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    LrFactor,
    MaskClipPlusPlusConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """Queries, values and positions train slowly, the PSM and the strength of masks fast."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_toy_64", position_resize="bicubic_aligned"),
            method=MaskClipPlusPlusConfig(
                depth=2, psm="linear", num_templates=1, ignore_empty=True, num_truth=8
            ),
            inference=common.TOY_INFERENCE,
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=common.toy_world("train", batch_size=16),
        optimizer=OptimizerConfig(
            peak_lr=2e-3,
            end_lr=1e-4,
            trainable=(
                r"clip/visual/block\d+/attention/(query|value)/kernel",
                r"clip/visual/position_embedding",
                r"log_strength",
                r"align/.*",
            ),
            lr_factors=(LrFactor(pattern=r"clip/visual/.*", factor=0.025),),
        ),
        checkpoint=CheckpointConfig(every_steps=200),
        evaluations=(common.toy_evaluation("test"),),
        num_steps=150,
        log_every=20,
        init_from="ovseg_jax/assets/toy/clip_vit_seed0",
        init_missing=(r"align/.*", r"log_strength"),
    )
