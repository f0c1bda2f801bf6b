"""Mask-Adapter on CLIP ConvNeXt-B, first phase: ground-truth masks of COCO-Stuff.

    python train.py configs/mask_adapter/convnext_base_coco_stuff_warmup.py \
        --workdir runs/ma_base_warmup --data.root /data/coco

The released base models warm up on MAFT+'s fine-tuned CLIP, which this release cannot convert
yet; here the tower is OpenCLIP's own. Other values from hustvl/MaskAdapter,
configs/ground-truth-warmup (COCO-Stuff, images of 768 pixels).

Paper: 35.6 mIoU on A-150 with MAFT+-B after both phases. Ours: needs official weights; not run.
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
            clip=ClipConfig(variant="convnext_base_w_320"),
            method=MaskAdapterConfig(phase="warmup", num_truth=32),
            templates="vild14",
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff(image_size=(768, 768), batch_size=8),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="step",
            milestones=(260_231, 283_888),
            weight_decay=0.05,
            no_decay=common.ADAPTER_NO_DECAY,
            trainable=(r"adapter/.*", r"void_embedding"),
        ),
        num_steps=295_717,
        init_from="weights/clip_convnext_base",
        init_missing=(r"adapter/.*", r"void_embedding"),
    )
