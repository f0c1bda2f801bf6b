"""Mask-Adapter's Tables 2, 3 and 8, baselines included: named evaluations of converted weights.

python train.py configs/mask_adapter/evaluations.py:fcclip_adapter --workdir runs/evaluation \
    --evaluations.0.data.root /data/ade

Nothing trains: weights are read, given these settings, and scored. `init_from` names the converted
file (`docs/weights.md`), `evaluations.0.masks.path` the converted mask generator. Published A-150
numbers stand beside the variants: Table 2 mIoU without ensemble, seen / unseen / all; Table 3
accuracy on true masks (not defined there: shares of masks and the mean over classes are reported);
Table 8 mIoU on SAM-H's masks.

What the paper leaves open is our reading: the Mask2Former (any that converts; its adapter comes
from `ablations.py`, "iou_0.7"), the size of crops (that at which the tower was trained), MAFT in
Table 8 (MAFT+ stands for it), CLIPSelf's tower (an EVA file to convert). Table 1 is the mixed
configs beside this file, `configs/fcclip/` and `configs/maft_plus/`. Ours: needs official weights
and data.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from configs import common
from configs.maft_plus import convnext_large as maft_plus
from configs.mask_adapter import ablations, mask2former_masks, sam_h_masks
from configs.mask_adapter import convnext_large_coco_mixed as on_fcclip
from configs.mask_adapter import maft_plus_large_coco_stuff_mixed as on_maft
from configs.ovseg import swin_base_vit_l_14 as ovseg
from ovseg_jax.config import (
    ClipConfig,
    Config,
    MaskCroppingConfig,
    MaskPoolingConfig,
    MaskSourceConfig,
    OptimizerConfig,
)

ADAPTER, ADAPTER_ON_MAFT = "weights/mask_adapter_large", "weights/mask_adapter_maft_large"
CONVNEXT = "convnext_large_d_320"
TRUE_MASKS = MaskSourceConfig()
Build = Callable[[], Config]


def get_config(variant: str = "fcclip_adapter") -> Config:
    """Returns one variant."""
    return VARIANTS[variant]()


def scored(source: Build, weights: str = "", masks: MaskSourceConfig | None = None) -> Build:
    """Describes an evaluation in which the method alone names masks.

    Args:
        source: Config of the model.
        weights: Where its parameters are; by default where the config says.
        masks: Whose masks; by default the config's. True masks are scored by accuracy.
    """

    def build_config() -> Config:
        config = source()
        inference = dataclasses.replace(config.model.inference, ensemble=ablations.CLIP_ALONE)
        (own,) = config.evaluations
        item = common.ade_evaluation(masks or own.masks, own.miou)
        if masks == TRUE_MASKS:
            item = dataclasses.replace(item, metrics=("mask_accuracy",))
        return dataclasses.replace(
            config,
            model=dataclasses.replace(config.model, inference=inference),
            masks=TRUE_MASKS,
            optimizer=OptimizerConfig(trainable=()),
            evaluations=(item,),
            num_steps=0,
            init_from=weights or config.init_from,
            init_parts=(),
            init_missing=(),
        )

    return build_config


def clip_alone(variant: str, method: Any, weights: str = "") -> Build:
    """Describes a CLIP model that was not tuned on masks.

    Args:
        variant: The model.
        method: How it reads masks.
        weights: Where it is; by default under its own name.
    """

    def build_config() -> Config:
        config = mask2former_masks.get_config()
        model = dataclasses.replace(config.model, clip=ClipConfig(variant=variant), method=method)
        data = dataclasses.replace(config.data, image_size=(448, 448))  # divides by 14 and by 32
        start = weights or f"weights/{variant}"
        return dataclasses.replace(config, model=model, data=data, init_from=start)

    return build_config


def on_other_masks(source: Build, masks: Build) -> Build:
    """Describes an evaluation on the masks that another config's evaluation takes."""
    return scored(source, masks=masks().evaluations[0].masks)


POOLED = clip_alone(CONVNEXT, MaskPoolingConfig())
MASK2FORMER, SAM = mask2former_masks.get_config, sam_h_masks.get_config

VARIANTS: dict[str, Build] = {
    # Table 2, A-150 mIoU seen / unseen / all: masks of three generators, pooled and adapted.
    "mask2former_pooling": on_other_masks(POOLED, MASK2FORMER),  # 34.8 / 17.5 / 26.0
    "mask2former_adapter": scored(MASK2FORMER, "runs/iou_0.7"),  # 45.3 / 23.0 / 34.0
    "fcclip_pooling": scored(ablations.pooling),  # 34.6 / 18.6 / 26.5
    "fcclip_adapter": scored(on_fcclip.get_config, ADAPTER),  # 46.2 / 24.8 / 35.4
    "maft_plus_pooling": scored(maft_plus.get_config),  # 45.8 / 27.0 / 36.3
    "maft_plus_adapter": scored(on_maft.get_config, ADAPTER_ON_MAFT),  # 47.1 / 28.5 / 37.7
    # Table 3, A-150 accuracy on true masks: crops, pooling, adapter.
    "vit_l_14_crops": scored(  # 29.8
        clip_alone("vit_l_14", MaskCroppingConfig()), masks=TRUE_MASKS
    ),
    "convnext_large_crops": scored(  # 40.1
        clip_alone(CONVNEXT, MaskCroppingConfig(crop_size=320)), masks=TRUE_MASKS
    ),
    "ovseg_crops": scored(ovseg.get_config, "weights/ovseg", TRUE_MASKS),  # 49.9
    "eva02_l_14_336_pooling": scored(  # 32.2
        clip_alone("eva02_l_14_336", MaskPoolingConfig()), masks=TRUE_MASKS
    ),
    "clipself_pooling": scored(  # 53.1
        clip_alone("eva02_l_14_336", MaskPoolingConfig(), "weights/clipself_l_14_336"),
        masks=TRUE_MASKS,
    ),
    "convnext_large_pooling": scored(POOLED, masks=TRUE_MASKS),  # 53.0
    "convnext_large_adapter": scored(on_fcclip.get_config, ADAPTER, TRUE_MASKS),  # 66.7
    "maft_plus_true_masks": scored(on_maft.get_config, ADAPTER_ON_MAFT, TRUE_MASKS),  # 74.1
    # Table 8, A-150 mIoU on SAM-H's masks.
    "sam_pooling": on_other_masks(POOLED, SAM),  # 17.9
    "sam_maft_plus": on_other_masks(maft_plus.get_config, SAM),  # 29.1 with MAFT
    "sam_adapter": scored(SAM),  # 31.5
}
