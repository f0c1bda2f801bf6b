"""Mask-Adapter on SAM-H's automatic masks, without training: Table 8.

ovseg convert mask_adapter mask_adapter_convnext_large.pth weights/mask_adapter_large
ovseg convert sam sam_vit_h_4b8939.pth weights/sam_vit_h
python evaluate.py weights/mask_adapter_large --config configs/mask_adapter/sam_h_masks.py \
    --evaluations.0.data.root /data/ade

The published repository has no code for this. Our reading: SAM's own defaults (a grid of 32 x 32
points), each mask hard, classes by the adapter alone; a pixel takes the class with the largest sum
of probability over its masks. Which adapter was used is not said; FC-CLIP's is assumed.
Paper: A-150 31.5, A-847 11.4, PC-59 49.5, PC-459 16.8. Ours: needs official weights and data.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    MaskAdapterConfig,
    MaskSourceConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """Evaluation only: nothing trains, and no step is made."""
    masks = MaskSourceConfig(kind="model", path="weights/sam_vit_h", most=256)
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_large_d_320", compute_dtype="auto"),
            method=MaskAdapterConfig(),
            train_vocabulary="coco_panoptic133",
        ),
        data=common.coco_panoptic((768, 768), batch_size=8),
        optimizer=OptimizerConfig(trainable=()),
        evaluations=(common.ade_evaluation(masks),),
        num_steps=0,
        init_from="weights/mask_adapter_large",
    )
