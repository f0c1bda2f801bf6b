"""MAFT+, ConvNeXt-B: CLIP's image tower tuned with a mask generator on it (docs/reference 5.7).

python train.py configs/maft_plus/convnext_base.py --workdir runs/maft_plus_base \
    --data.root /data/coco --evaluations.0.data.root /data/ade
ovseg convert maft_plus maftp_b.pth weights/maft_plus_base              # or the published weights
python evaluate.py weights/maft_plus_base --config configs/maft_plus/convnext_base.py \
    --evaluations.0.data.root /data/ade

The tower's head and the text tower stay. The generator reads the tower's maps without gradient;
what tunes the tower are the mask-aware loss and, at a tenth, the compensation towards a frozen copy
of it. The weights that a run leaves have no such copy, as the converted ones have none.
Values from jiaosiyu1999/MAFT-Plus, configs/semantic/train_semantic_base.yaml. Its photos have a
short side of 800 and a long one of at most 1,333, no jitter; here they fill a frame of 1,088, which
is 816 for the usual 4 : 3. Its tower drops blocks at random (0.1, the teacher's too), ours none.
Published cost: 8 A100 for about 14 hours. Published: A-150 34.6, A-847 13.8, PC-59 57.5,
PC-459 16.2, PAS-20 95.4; Mask-Adapter's authors measure 34.5, 13.8, 57.5, 18.5, 95.5.
Ours: needs official weights and data; not run.
"""

import dataclasses

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    EnsembleConfig,
    InferenceConfig,
    LrFactor,
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
            clip=ClipConfig(variant="convnext_base_w_320", compute_dtype="auto"),
            method=MaftPlusConfig(compensation_weight=0.1, num_truth=48),
            generator=QueryGeneratorConfig(num_queries=100),
            inference=InferenceConfig(
                short_side=800,
                long_side=1333,
                object_threshold=0.2,
                overlap_threshold=0.7,
                ensemble=EnsembleConfig(alpha=1.0, beta=1.0),
            ),
            templates="vild14",
            train_vocabulary="coco_stuff171",
        ),
        data=dataclasses.replace(
            common.coco_stuff((1088, 1088), batch_size=8), scale=(1.0, 1.0), pad_value=-1
        ),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="poly",
            weight_decay=2e-5,
            no_decay=common.GENERATOR_NO_DECAY,
            clip_norm=0.01,
            trainable=(
                r"clip/visual/(stem|stage\d)/.*",
                r"(generator|transfer)/.*",
                r"void_embedding",
            ),
            lr_factors=(LrFactor(pattern=r"clip/visual/.*", factor=0.1),),
        ),
        checkpoint=CheckpointConfig(every_steps=5000),
        evaluations=(common.ade_evaluation(masks, miou="absent_counted"),),
        num_steps=60_000,
        init_from="weights/clip_convnext_base",
        init_missing=(r"(generator|transfer)/.*", r"void_embedding"),
    )
