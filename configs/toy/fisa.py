"""FISA on the toy ViT: words enter all blocks, CLIP's query projections train (SIMO).

python train.py configs/toy/fisa.py --workdir runs/toy_fisa

The 32 seen classes; masks are ground truth perturbed to a mean IoU of 0.8, in place of a
generator's. The mask token stays in its query, so training starts from the frozen tower.
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
)

NEW = (r"seve/.*", r"distribution/.*")
QUERIES = r"clip/visual/block\d+/attention/query/(kernel|bias)"
IMPERFECT = MaskSourceConfig(kind="perturbed", iou=0.8)


def get_config() -> Config:
    """Evaluation is on ground-truth masks and on imperfect ones."""
    evaluation = common.toy_evaluation("test")
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_toy_64"),
            method=FisaConfig(clip_size=0, rank=32, residual=True, num_points=1024, num_truth=12),
            inference=InferenceConfig(short_side=128, long_side=128),
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=dataclasses.replace(common.toy_world("train", batch_size=16), classes=common.TOY_SEEN),
        masks=IMPERFECT,
        optimizer=OptimizerConfig(
            peak_lr=5e-4,
            schedule="constant",
            warmup_steps=20,
            lr_factors=(LrFactor(pattern=QUERIES, factor=0.1),),
            trainable=(*NEW, QUERIES),
        ),
        checkpoint=CheckpointConfig(every_steps=100),
        evaluations=(
            evaluation,
            dataclasses.replace(evaluation, name="test_imperfect", masks=IMPERFECT),
        ),
        num_steps=150,
        log_every=10,
        init_from="ovseg_jax/assets/toy/clip_vit_seed0",
        init_missing=NEW,
    )
