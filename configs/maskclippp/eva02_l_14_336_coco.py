"""MaskCLIP++ on EVA02 L/14-336, COCO panoptic, ground-truth masks only (docs/reference 2.8).

ovseg convert eva_clip EVA.pt weights/eva02_l_14_336
python train.py configs/maskclippp/eva02_l_14_336_coco.py --workdir runs/maskclippp \
    --data.root /data/coco

Published: A-150 mIoU / PQ / AP 36.6 / 27.3 / 17.0 with FC-CLIP's masks, no ensemble; two RTX 3090.
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
    """Queries, values and positions train slowly, PSM and mask strengths at the full rate."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(
                variant="eva02_l_14_336", compute_dtype="auto", position_resize="bicubic_aligned"
            ),
            method=MaskClipPlusPlusConfig(psm="linear", ignore_empty=True),
            inference=InferenceConfig(
                short_side=392, long_side=2560, ensemble=common.maskclippp_ensemble(gamma=0.0)
            ),
            train_vocabulary="coco_panoptic133",
        ),
        data=common.coco_panoptic((448, 448), batch_size=4),
        optimizer=OptimizerConfig(
            peak_lr=2e-4,
            end_lr=1e-5,
            clip_norm=0.01,
            no_decay=common.TUNING_NO_DECAY,
            trainable=(
                r"clip/visual/block\d+/attention/(query|value)/kernel",
                r"clip/visual/position_embedding",
                r"align/.*",
                r"log_strength",
            ),
            lr_factors=(LrFactor(pattern=r"clip/visual/.*", factor=1e-2),),
        ),
        evaluations=(common.coco_evaluation(),),
        num_steps=20_000,
        init_from="weights/eva02_l_14_336",
        init_missing=(r"align/.*", r"log_strength"),
    )
