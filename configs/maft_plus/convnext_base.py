"""MAFT+, ConvNeXt-B: evaluation of converted weights (docs/reference 5.7).

ovseg convert maft_plus maftp_b.pth weights/maft_plus_base
python evaluate.py weights/maft_plus_base --config configs/maft_plus/convnext_base.py \
    --evaluations.0.data.root /data/ade

Its losses are in `ovseg_jax/losses/maft.py`; its training is not assembled, so `num_steps` is 0.
Published cost of that: 8 A100 for about 14 hours. Published: A-150 34.6, A-847 13.8, PC-59 57.5,
PC-459 16.2, PAS-20 95.4; Mask-Adapter's authors measure 34.5, 13.8, 57.5, 18.5, 95.5.
Ours: needs official weights and data.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    EnsembleConfig,
    InferenceConfig,
    MaftPlusConfig,
    MaskSourceConfig,
    ModelConfig,
    OptimizerConfig,
    QueryGeneratorConfig,
)


def get_config() -> Config:
    """Classes come from CLIP alone; the generator only says how likely a mask is none."""
    masks = MaskSourceConfig(kind="generator")
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_base_w_320"),
            method=MaftPlusConfig(),
            generator=QueryGeneratorConfig(num_queries=100),
            inference=InferenceConfig(
                short_side=800,
                long_side=1333,
                object_threshold=0.2,
                overlap_threshold=0.7,
                ensemble=EnsembleConfig(alpha=1.0, beta=1.0),
            ),
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff((512, 512), batch_size=8),
        optimizer=OptimizerConfig(trainable=()),
        evaluations=(common.ade_evaluation(masks, miou="absent_counted"),),
        num_steps=0,
        init_from="weights/maft_plus_base",
    )
