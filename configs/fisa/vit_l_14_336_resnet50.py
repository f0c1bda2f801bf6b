r"""FISA, ViT-L/14-336 under the masks of a frozen Mask2Former with ResNet-50 (docs/reference 4).

python train.py configs/fisa/vit_l_14_336_resnet50.py --workdir runs/fisa \
    --data.root DIR --init-from WEIGHTS

WEIGHTS holds OpenAI's CLIP and the generator, both frozen but for CLIP's query projections (SIMO).
As `vit_l_14_336.py` in all else. Published (Table 4; whether the model was trained anew or only the
generator exchanged is not said): ADE20K-150 PQ 26.1, mIoU 35.9; ours is not measured.
"""

import dataclasses

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    FisaConfig,
    InferenceConfig,
    LrFactor,
    MaskSourceConfig,
    ModelConfig,
    OptimizerConfig,
    QueryGeneratorConfig,
)

NEW = (r"seve/.*", r"distribution/.*")
"""What the paper adds: projections of masks and words, and the Distribution Adapter."""
QUERIES = r"clip/visual/block\d+/attention/query/(kernel|bias)"
"""CLIP's own query projections, at a tenth of the rate."""


def get_config() -> Config:
    """Words as bare names; the generator's own names for its masks are not used."""
    evaluation = dataclasses.replace(
        common.coco_evaluation(),
        masks=MaskSourceConfig(kind="generator"),
        metrics=("semantic", "panoptic"),
    )
    return Config(
        model=ModelConfig(
            clip=ClipConfig(
                variant="vit_l_14_336_quickgelu",
                compute_dtype="auto",
                position_resize="bilinear",
            ),
            method=FisaConfig(),
            generator=QueryGeneratorConfig(
                backbone="resnet50", class_head="linear", num_classes=133, num_queries=100
            ),
            inference=InferenceConfig(
                short_side=800, long_side=1333, object_threshold=0.5, overlap_threshold=0.5
            ),
            templates="plain",
            train_vocabulary="coco_panoptic133",
        ),
        data=common.coco_panoptic((1024, 1024), batch_size=16),
        masks=MaskSourceConfig(kind="generator"),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="constant",
            weight_decay=0.05,
            clip_norm=0.01,
            lr_factors=(LrFactor(pattern=QUERIES, factor=0.1),),
            trainable=(*NEW, QUERIES),
        ),
        checkpoint=CheckpointConfig(every_steps=2500),
        evaluations=(evaluation,),
        num_steps=25_000,
        init_from="weights/clip_vit_l_14_336_mask2former_resnet50",
        init_missing=NEW,
    )
