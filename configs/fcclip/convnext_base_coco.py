"""FC-CLIP's recipe on ConvNeXt-B, COCO panoptic (docs/reference 5.5); no published model.

ovseg convert open_clip open_clip_pytorch_model.bin weights/clip_convnext_base
python train.py configs/fcclip/convnext_base_coco.py --workdir runs/fcclip_base --data.root DIR

FC-CLIP released ConvNeXt-L and five ResNets; this is its recipe on the tower of MAFT+-B and of
MaskCLIP++'s ConvNeXt-B, as a generator for either. No number and no cost are published. Ours: needs
the official CLIP weights and COCO. The trained weights answer as mask pooling with the ensemble
once `method` in `weights/config.json` says `{"kind": "mask_pooling", "has_void": true}`.
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
            clip=ClipConfig(variant="convnext_base_w_320", compute_dtype="auto"),
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
        init_from="weights/clip_convnext_base",
        init_missing=(r"generator/.*", r"void_embedding"),
    )
