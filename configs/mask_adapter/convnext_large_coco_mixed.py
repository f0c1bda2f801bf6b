"""Mask-Adapter on FC-CLIP ConvNeXt-L, second phase: truth mixed with FC-CLIP's masks.

ovseg convert fcclip fcclip_cocopan.pth weights/fcclip_convnext_large
python train.py configs/mask_adapter/convnext_large_coco_mixed.py --workdir runs/ma_large \
    --data.root /data/coco
python evaluate.py runs/ma_large --config configs/ade150.py --evaluations.0.data.root /data/ade

Adapter and CLIP are those of the first phase, generator and void row FC-CLIP's: what the tool
weight_fuse_fcclip.py does is `init_parts` here. Values from hustvl/MaskAdapter,
configs/mixed-mask-training (docs/reference 1.6). Paper and code differ: batch 16 and 24; every pair
of IoU 0.7 or more, and one random prediction per truth above it.
Published cost: four RTX 3090. Paper: A-150 36.6, A-847 14.1, PC-59 59.7, PC-459 19.3, PAS-20 95.5.
Ours: needs official weights and data; not run.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    EnsembleConfig,
    InferenceConfig,
    MaskAdapterConfig,
    MaskSourceConfig,
    ModelConfig,
    OptimizerConfig,
    QueryGeneratorConfig,
)


def get_config() -> Config:
    """16 true masks, 8 predictions and their truth per image; 250 queries; CLIP is frozen."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_large_d_320", compute_dtype="auto"),
            method=MaskAdapterConfig(phase="mixed", num_truth=16),
            generator=QueryGeneratorConfig(),
            inference=InferenceConfig(ensemble=EnsembleConfig(alpha=0.7, beta=0.9)),
            templates="vild14",
            train_vocabulary="coco_panoptic133",
        ),
        data=common.coco_panoptic(image_size=(1024, 1024), batch_size=24),
        masks=MaskSourceConfig(kind="generator"),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="step",
            milestones=(43_371, 47_314),
            weight_decay=0.05,
            no_decay=common.ADAPTER_NO_DECAY,
            trainable=(r"adapter/.*", r"void_embedding"),
        ),
        evaluations=(common.coco_pixels_evaluation(),),
        num_steps=49_286,
        init_from="runs/ma_large_warmup",
        init_parts=((r"generator/.*|void_embedding", "weights/fcclip_convnext_large"),),
    )
