"""FC-CLIP, ConvNeXt-L, COCO panoptic: the generator on the frozen tower (docs/reference 5.5).

python train.py configs/fcclip/convnext_large_coco.py --workdir runs/fcclip_large --data.root DIR \
    --init-from weights/clip_convnext_large

Published cost: 8 V100 for 3.2 days. Published: ADE20K-150 PQ 26.8, AP 16.8, mIoU 34.1; mIoU A-847
14.8, PC-59 58.4, PC-459 18.2, PAS-20 95.4. Ours: needs the official CLIP weights and COCO. The
trained weights answer as mask pooling with the ensemble once
`method` in `weights/config.json` says `{"kind": "mask_pooling", "has_void": true}`.
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
            clip=ClipConfig(variant="convnext_large_d_320", compute_dtype="auto"),
            method=MaskGeneratorConfig(),
            generator=QueryGeneratorConfig(),
            inference=InferenceConfig(
                short_side=800,
                long_side=1333,
                ensemble=EnsembleConfig(alpha=0.4, beta=0.8),
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
        init_from="weights/clip_convnext_large",
        init_missing=(r"generator/.*", r"void_embedding"),
    )
