"""Mask-Adapter on the masks of a closed-vocabulary Mask2Former, without training: Table 2's host.

ovseg convert mask_adapter mask_adapter_convnext_large.pth weights/mask_adapter_large
ovseg convert mask2former FILE.pkl weights/mask2former
python evaluate.py weights/mask_adapter_large --config configs/mask_adapter/mask2former_masks.py \
    --evaluations.0.data.root /data/ade --evaluations.0.masks.path weights/mask2former

Of the generator only its masks and "no object" count; its 133 classes name nothing, so there is no
ensemble. The paper does not say which Mask2Former; any that converts will do. `init_from` is not
read by `evaluate.py`, which takes the weights that it is given.
Paper, A-150 without ensemble (Table 2, seen / unseen / all): pooling 34.8 / 17.5 / 26.0, adapter
45.3 / 23.0 / 34.0; that adapter was trained on Mask2Former's masks (`ablations.py`, "iou_0.7").
Ours: needs official weights and data.
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
    masks = MaskSourceConfig(kind="model", path="weights/mask2former")
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
