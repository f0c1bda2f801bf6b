"""MaskCLIP++ on ResNet-50x16, COCO panoptic, ground-truth masks only (docs/reference 2.8).

ovseg convert openai RN50x16.pt weights/rn50x16
python train.py configs/maskclippp/rn50x16_coco.py --workdir runs/maskclippp \
    --data.root /data/coco

Published: A-150 mIoU / PQ / AP 29.3 / 21.8 / 11.1 with FC-CLIP's masks, no ensemble; two RTX 3090.
Ours: needs official weights and data.
Batch normalisation is trained: it normalises by the batch, and its running averages are among the
trainable parameters, so every step moves them a tenth of the way (`training.statistics`).
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
            clip=ClipConfig(
                variant="rn50x16", compute_dtype="auto", position_resize="bicubic_aligned"
            ),
            method=MaskClipPlusPlusConfig(psm="linear", ignore_empty=True),
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
            no_decay=(*common.TUNING_NO_DECAY, r".*/(stem\d|layer\d|shortcut)/(scale|bias)"),
            trainable=(
                r"clip/visual/.*",
                r"align/.*",
                r"log_strength",
            ),
            lr_factors=(LrFactor(pattern=r"clip/visual/.*", factor=1e-2),),
        ),
        evaluations=(common.coco_evaluation(),),
        num_steps=20_000,
        init_from="weights/rn50x16",
        init_missing=(r"align/.*", r"log_strength"),
    )
