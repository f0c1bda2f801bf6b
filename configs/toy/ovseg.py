"""OVSeg on the toy ViT: mask prompts alone, learned on pairs of a mask and a noun that were mined.

python -m data.toy_world.export runs/toy_photos
ovseg mine runs/toy_photos --data toy_world --data-config full --data-split validation \
    --data-vocabulary toy_world48 --captions-per-image all \
    --model ovseg_jax/assets/toy/clip_vit_seed0 --out runs/toy_pairs
python train.py configs/toy/ovseg.py --workdir runs/toy_ovseg

Masks without names and captions over the whole vocabulary stand for proposals and web captions; the
test split stays untouched. Class names of the seen classes in place of nouns help unseen classes
less, as in the paper's Table 2.
"""

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    DataConfig,
    ModelConfig,
    OptimizerConfig,
    OVSegConfig,
)


def get_config() -> Config:
    """The towers are frozen; crops have the size of the tower's own images."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_toy_64"),
            method=OVSegConfig(crop_size=64, chunk=64, num_truth=4, duplicates="ignored"),
            inference=common.TOY_INFERENCE,
            templates="single",
            train_vocabulary="toy_world_seen32",
        ),
        data=DataConfig(
            name="mined_pairs",
            root="runs/toy_pairs",
            vocabulary="runs/toy_pairs/vocabulary.json",
            image_size=(128, 128),
            batch_size=12,
            max_segments=12,
            scale=(1.0, 1.0),
        ),
        optimizer=OptimizerConfig(
            peak_lr=3e-3,
            warmup_steps=20,
            weight_decay=0.0,
            trainable=(r"prompt/.*",),
        ),
        checkpoint=CheckpointConfig(every_steps=200),
        evaluations=(common.toy_evaluation("test"),),
        num_steps=600,
        log_every=20,
        init_from="ovseg_jax/assets/toy/clip_vit_seed0",
        init_missing=(r"prompt/.*",),
    )
