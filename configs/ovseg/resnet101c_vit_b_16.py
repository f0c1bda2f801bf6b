"""OVSeg whole: MaskFormer with ResNet-101c, CLIP ViT-B/16 with mask prompts.

python train.py configs/maskformer/resnet101c_coco_stuff.py --workdir runs/maskformer_r101c ...
python train.py configs/ovseg/vit_b_16_ft.py --workdir runs/ovseg_b_ft ...
python train.py configs/ovseg/vit_b_16_mpt.py --workdir runs/ovseg_b_mpt ...
python train.py configs/ovseg/resnet101c_vit_b_16.py --workdir runs/ovseg_b  # joins them, no steps
ovseg segment photo.jpg --vocab-preset ade150 --model runs/ovseg_b

Published: A-150 24.8, A-847 7.1, PC-59 53.3, PC-459 11.0, PAS-20 92.6.
Ours: needs official weights and data. The released file is the same thing, trained:
ovseg convert ovseg ovseg_R101c_vitB16_ft_mpt.pth weights/ovseg_base

alpha and beta are lambda, the exponent of CLIP: 0.7 for A-150 and A-847, 0.6 for PC-59 and PC-459;
for PAS-20 the released commands say 0.45, the paper 0.6. Masks alone (the code's CLIP_ENSEMBLE
False) is lambda 0, CLIP alone (the code's CLIP_ENSEMBLE_WEIGHT 0!) is lambda 1:
--model.inference.ensemble.alpha 1 --model.inference.ensemble.beta 1.
A mask of which the crop shows nothing counts one for every class of CLIP's, as in the original.
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
    """Nothing trains: parts of three runs come together."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_b_16_quickgelu", compute_dtype="auto"),
            method=OVSegConfig(prompts="mask", mask_threshold=0.5, has_void=True),
            generator=common.OVSEG_RESNET101C,
            inference=InferenceConfig(
                short_side=512, long_side=2048, ensemble=common.ovseg_ensemble(0.7)
            ),
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff((512, 512), batch_size=8),
        optimizer=OptimizerConfig(trainable=()),
        evaluations=(common.ovseg_evaluation(),),
        num_steps=0,
        init_from="runs/ovseg_b_mpt",
        init_parts=((r"generator/.*|void_embedding", "runs/maskformer_r101c"),),
    )
