"""OVSeg, step one: CLIP's image tower tuned on masked crops (docs/reference 3.4).

ovseg convert openai ViT-L-14.pt weights/vit_l_14_quickgelu
python train.py configs/ovseg/vit_l_14_ft.py --workdir runs/ovseg_ft --data.root /data/coco

Published, both steps with Swin-B's masks: A-847 9.0, PC-459 12.4, A-150 29.6, PC-59 55.7,
PAS-20 94.5. Ours: needs official weights and data.
Ground-truth masks and class names stand for the mined pairs: row (1) of the paper's Table 2,
A-150 / A-847 / PC-59 23.0 / 5.3 / 57.3; mined pairs gave 28.8 / 8.8 / 55.7.
Nouns are read bare, without a template, while tuning; answers are given with fourteen:
--model.templates vild14.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    InferenceConfig,
    ModelConfig,
    OptimizerConfig,
    OVSegConfig,
)


def get_config() -> Config:
    """The text tower is frozen."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_l_14_quickgelu", compute_dtype="auto"),
            method=OVSegConfig(prompts="none"),
            inference=InferenceConfig(short_side=640, long_side=2560),
            templates="plain",
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff((640, 640), batch_size=8),
        optimizer=OptimizerConfig(
            peak_lr=5e-6,
            warmup_steps=100,
            weight_decay=0.2,
            no_decay=common.OPEN_CLIP_NO_DECAY,
            beta2=0.98,
            eps=1e-6,
            clip_norm=1e9,
            trainable=(r"clip/visual/.*", r"clip/logit_scale"),
        ),
        evaluations=(common.coco_evaluation(),),
        num_steps=37_700,  # five epochs of 965 thousand pairs, 128 a step
        init_from="weights/vit_l_14_quickgelu",
        init_missing=(),
    )
