"""Mask-Adapter on CLIP ConvNeXt-L, first phase: ground-truth masks of COCO panoptic.

    python train.py configs/mask_adapter/convnext_large_coco_warmup.py \
        --workdir runs/ma_large_warmup --data.root /data/coco

Values from the released code (hustvl/MaskAdapter, configs/ground-truth-warmup): images of 768
pixels, where the paper writes 1024 for all phases; gradient norm 1.0. Start from converted CLIP:

    ovseg convert open_clip open_clip_pytorch_model.bin weights/clip_convnext_large

Paper: 36.6 mIoU on A-150 after both phases. Ours: needs official weights and data; not run.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    MaskAdapterConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """Trains the adapter and the void embedding; CLIP is frozen."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_large_d_320"),
            method=MaskAdapterConfig(phase="warmup", num_truth=32),
            templates="vild14",
            train_vocabulary="coco_panoptic133",
        ),
        data=common.coco_panoptic(image_size=(768, 768), batch_size=8),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="step",
            milestones=(260_231, 283_888),
            weight_decay=0.05,
            no_decay=common.ADAPTER_NO_DECAY,
            trainable=(r"adapter/.*", r"void_embedding"),
        ),
        evaluations=(common.coco_evaluation(),),
        num_steps=295_717,
        init_from="weights/clip_convnext_large",
        init_missing=(r"adapter/.*", r"void_embedding"),
    )
