"""Mask-Adapter on FC-CLIP ConvNeXt-L, first phase: ground-truth masks of COCO panoptic.

ovseg convert open_clip open_clip_pytorch_model.bin weights/clip_convnext_large
python train.py configs/mask_adapter/convnext_large_coco_warmup.py --workdir runs/ma_large_warmup \
    --data.root /data/coco

Values from hustvl/MaskAdapter, configs/ground-truth-warmup (docs/reference 1.4). Paper and code
differ in the images, 1,024 and 768 pixels; the code clips the gradient at 1.0, which the paper
leaves out.
Published cost: four RTX 3090. Paper, after this phase alone (Table 6): 43.4 mIoU on A-150 with
ground-truth masks, 35.4 with FC-CLIP's. Ours: needs official weights and data; not run.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    InferenceConfig,
    MaskAdapterConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """Trains the adapter and the void embedding; CLIP is frozen."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_large_d_320", compute_dtype="auto"),
            method=MaskAdapterConfig(phase="warmup", num_truth=32),
            inference=InferenceConfig(short_side=800, long_side=1333),
            templates="vild14",
            train_vocabulary="coco_panoptic133",
        ),
        data=common.coco_panoptic(image_size=(768, 768), batch_size=8),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="step",
            milestones=(260_231, 283_888),
            weight_decay=0.05,
            no_decay=common.ADAPTER_NO_DECAY,
            trainable=(r"adapter/.*", r"void_embedding"),
        ),
        evaluations=(common.coco_evaluation(),),
        num_steps=295_717,
        init_from="weights/clip_convnext_large",
        init_missing=(r"adapter/.*", r"void_embedding"),
    )
