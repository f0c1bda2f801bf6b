"""FC-CLIP, ResNet-50x64, COCO panoptic: the generator on the frozen tower (docs/reference 5.5).

ovseg convert openai RN50x64.pt weights/clip_rn50x64
python train.py configs/fcclip/rn50x64_coco.py --workdir runs/fcclip_rn50x64 --data.root DIR

The recipe is that of ConvNeXt-L with another tower; masks are embedded by attention pooling, and a
mask that covers no cell keeps the generator's opinion. Its cost is not published.
Published: ADE20K-150 PQ 22.8, AP 13.6, mIoU 28.4; mIoU A-847 10.8, PC-59 55.7, PC-459 16.2,
PAS-20 95.1. Ours: needs the official CLIP weights and COCO. The trained weights answer as mask
pooling once `method` in `weights/config.json` says `{"kind": "mask_pooling", "has_void": true}`.
"""

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    EnsembleConfig,
    InferenceConfig,
    MaskGeneratorConfig,
    ModelConfig,
    OptimizerConfig,
    QueryGeneratorConfig,
)


def get_config() -> Config:
    """Large-scale jitter at 1,024 pixels; 250 queries; deep supervision on ten answers."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="rn50x64", compute_dtype="auto", position_resize="bilinear"),
            method=MaskGeneratorConfig(),
            generator=QueryGeneratorConfig(),
            inference=InferenceConfig(
                short_side=800,
                long_side=1333,
                ensemble=EnsembleConfig(alpha=0.4, beta=0.8, skip_empty=True),
            ),
            train_vocabulary="coco_panoptic133",
        ),
        data=common.coco_panoptic((1024, 1024), batch_size=16),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="step",
            milestones=(327_778, 355_092),
            weight_decay=0.05,
            no_decay=common.GENERATOR_NO_DECAY,
            clip_norm=0.01,
            trainable=(r"generator/.*", r"void_embedding"),
        ),
        checkpoint=CheckpointConfig(every_steps=5000),
        num_steps=368_750,
        init_from="weights/clip_rn50x64",
        init_missing=(r"generator/.*", r"void_embedding"),
    )
