"""OVSeg's other mask generator: MaskFormer with ResNet-101c, COCO-Stuff (docs/reference 3.1).

python train.py configs/maskformer/resnet101c_coco_stuff.py --workdir runs/maskformer_r101c \
    --data.root DIR --init-from WEIGHTS

`--init-from` is a weights directory with a CLIP and, for the published recipe, ResNet-101c from
ImageNet.
Differences from the published recipe: large-scale jitter in place of crops at a random short side,
and no dropout in the decoder. Needs weights and COCO, so ours is not measured.
"""

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    InferenceConfig,
    LrFactor,
    MaskGeneratorConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """CLIP is frozen; the trunk trains at a tenth of the rate."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_b_16_quickgelu", compute_dtype="auto"),
            method=MaskGeneratorConfig(
                class_weight=1.0,
                mask_weight=20.0,
                dice_weight=1.0,
                mask_loss="focal",
                num_points=0,
                num_truth=48,
            ),
            generator=common.OVSEG_RESNET101C,
            inference=InferenceConfig(short_side=512, long_side=2048),
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff((512, 512), batch_size=32, color_jitter=True),
        optimizer=OptimizerConfig(
            peak_lr=2e-4,
            schedule="poly",
            warmup_steps=1500,
            weight_decay=1e-4,
            no_decay=common.GENERATOR_NO_DECAY,
            clip_norm=0.01,
            trainable=(r"generator/.*", r"void_embedding"),
            lr_factors=(LrFactor(pattern=r"generator/backbone/.*", factor=0.1),),
        ),
        checkpoint=CheckpointConfig(every_steps=5000),
        num_steps=120_000,
        init_from="weights/vit_b_16_quickgelu",
        init_missing=(r"generator/.*", r"void_embedding"),
    )
