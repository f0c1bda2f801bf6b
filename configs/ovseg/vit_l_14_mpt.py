"""OVSeg, step two: mask prompts on top of the tuned tower (docs/reference 3.4).

ovseg convert openai ViT-L-14.pt weights/vit_l_14_quickgelu
python train.py configs/ovseg/vit_l_14_mpt.py --workdir runs/ovseg_mpt --data.root /data/coco

Published, both steps with Swin-B's masks: A-847 9.0, PC-459 12.4, A-150 29.6, PC-59 55.7,
PAS-20 94.5. Ours: needs official weights and data.
The code's learning rate is 0.05 and its batch 128 pairs, the paper's 0.02 and 256. The temperature
trains as well, at the same rate, although it is not a prompt.
For prompts alone start from the converted CLIP: --init-from weights/vit_l_14_quickgelu.
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
    """Everything but prompts and temperature is frozen."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_l_14_quickgelu", compute_dtype="auto"),
            method=OVSegConfig(prompts="mask"),
            inference=InferenceConfig(short_side=640, long_side=2560),
            templates="plain",
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff((640, 640), batch_size=8),
        optimizer=OptimizerConfig(
            peak_lr=0.05,
            warmup_steps=100,
            weight_decay=0.0,
            no_decay=common.OPEN_CLIP_NO_DECAY,
            beta2=0.98,
            eps=1e-6,
            clip_norm=1e9,
            trainable=(r"prompt/.*", r"clip/logit_scale"),
        ),
        evaluations=(common.coco_evaluation(),),
        num_steps=37_700,  # five epochs of 965 thousand pairs, 128 a step
        init_from="runs/ovseg_ft",
        init_missing=(r"prompt/.*",),
    )
