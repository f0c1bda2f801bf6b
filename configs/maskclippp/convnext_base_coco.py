"""MaskCLIP++ on ConvNeXt-B, COCO panoptic, ground-truth masks only (docs/reference 2.8).

ovseg convert open_clip open_clip_pytorch_model.bin weights/convnext_base_w_320
python train.py configs/maskclippp/convnext_base_coco.py --workdir runs/maskclippp \
    --data.root /data/coco

Published: A-150 mIoU / PQ / AP 35.1 / 24.5 / 13.6 with FC-CLIP's masks, no ensemble; two RTX 3090.
Ours: needs official weights and data.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    InferenceConfig,
    LrFactor,
    MaskClipPlusPlusConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """The whole image tower trains slowly, the PSM at the full rate."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_base_w_320", compute_dtype="auto"),
            method=MaskClipPlusPlusConfig(psm="pseudo_text"),
            inference=InferenceConfig(
                short_side=512, long_side=2560, ensemble=common.maskclippp_ensemble(gamma=0.0)
            ),
            train_vocabulary="coco_panoptic133",
        ),
        data=common.coco_panoptic((1024, 1024), batch_size=4),
        optimizer=OptimizerConfig(
            peak_lr=2e-4,
            end_lr=1e-5,
            clip_norm=0.01,
            no_decay=common.TUNING_NO_DECAY,
            trainable=(
                r"clip/visual/.*",
                r"align/.*",
            ),
            lr_factors=(LrFactor(pattern=r"clip/visual/.*", factor=1e-3),),
        ),
        evaluations=(common.coco_evaluation(),),
        num_steps=20_000,
        init_from="weights/convnext_base_w_320",
        init_missing=(r"align/.*",),
    )
