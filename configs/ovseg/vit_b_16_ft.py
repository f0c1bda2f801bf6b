"""OVSeg, step one: CLIP's image tower tuned on masked crops (docs/reference 3.4).

ovseg convert openai ViT-B-16.pt weights/vit_b_16_quickgelu
python train.py configs/ovseg/vit_b_16_ft.py --workdir runs/ovseg_b_ft --data.root /data/coco

Published, both steps with ResNet-101c's masks: A-847 7.1, PC-459 11.0, A-150 24.8, PC-59 53.3,
PAS-20 92.6. Ours: needs official weights and data.
Ground-truth masks and class names stand for the mined pairs, as in row (1) of the paper's Table 2.
The released script takes 512 pairs per step for this tower, the paper 1,024; here a step has 32
photos with up to 16 masks each.
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
            clip=ClipConfig(variant="vit_b_16_quickgelu", compute_dtype="auto"),
            method=OVSegConfig(prompts="none"),
            inference=InferenceConfig(short_side=512, long_side=2048),
            templates="plain",
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff((512, 512), batch_size=32),
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
        num_steps=9_420,  # five epochs of 965 thousand pairs, 512 a step
        init_from="weights/vit_b_16_quickgelu",
        init_missing=(),
    )
