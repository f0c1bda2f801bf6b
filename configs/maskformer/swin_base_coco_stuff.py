"""OVSeg's mask generator: MaskFormer with Swin-B, named by words, COCO-Stuff (docs/reference 3.1).

python train.py configs/maskformer/swin_base_coco_stuff.py --workdir runs/maskformer \
    --data.root DIR --init-from WEIGHTS

`--init-from` is a weights directory with a CLIP and, for the published recipe, an ImageNet Swin-B.
Differences from the published recipe: large-scale jitter in place of crops at a random short side,
and no dropout in the decoder. Needs weights and COCO, so ours is not measured.
"""

from configs import common
from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    InferenceConfig,
    MaskGeneratorConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """CLIP is frozen; the trunk trains with the decoders."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="vit_l_14_quickgelu", compute_dtype="auto"),
            method=MaskGeneratorConfig(
                class_weight=1.0,
                mask_weight=20.0,
                dice_weight=1.0,
                mask_loss="focal",
                num_points=0,
                num_truth=48,
            ),
            generator=common.OVSEG_SWIN_BASE,
            inference=InferenceConfig(short_side=640, long_side=2560),
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff((640, 640), batch_size=32, color_jitter=True),
        optimizer=OptimizerConfig(
            peak_lr=6e-5,
            schedule="poly",
            warmup_steps=1500,
            weight_decay=0.01,
            no_decay=common.GENERATOR_NO_DECAY,
            clip_norm=0.01,
            trainable=(r"generator/.*", r"void_embedding"),
        ),
        checkpoint=CheckpointConfig(every_steps=5000),
        num_steps=120_000,
        init_from="weights/clip_vit_l_14",
        init_missing=(r"generator/.*", r"void_embedding"),
    )
