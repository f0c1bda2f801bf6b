"""FC-CLIP, ResNet-101, COCO panoptic: the generator on the frozen tower (docs/reference 5.5).

ovseg convert openai RN101.pt weights/clip_rn101
python train.py configs/fcclip/rn101_coco.py --workdir runs/fcclip_rn101 --data.root DIR

The recipe is that of ConvNeXt-L with another tower; masks are embedded by attention pooling, and a
mask that covers no cell keeps the generator's opinion. Its cost is not published.
Published: ADE20K-150 PQ 19.1, AP 10.2, mIoU 24.0; mIoU A-847 7.7, PC-59 48.9, PC-459 12.3,
PAS-20 91.3. Ours: needs the official CLIP weights and COCO. The trained weights answer as mask
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
            clip=ClipConfig(variant="rn101", compute_dtype="auto", position_resize="bilinear"),
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
        init_from="weights/clip_rn101",
        init_missing=(r"generator/.*", r"void_embedding"),
    )
