"""Mask-Adapter on MAFT+ ConvNeXt-L, first phase: ground-truth masks of COCO-Stuff.

ovseg convert maft_plus maftp_l.pth weights/maft_plus_large
python train.py configs/mask_adapter/maft_plus_large_coco_stuff_warmup.py \
    --workdir runs/ma_maft_large_warmup --data.root /data/coco

CLIP, transfer and void row are MAFT+'s, its generator stays out. Values from hustvl/MaskAdapter,
configs/ground-truth-warmup (docs/reference 1.4): images of 768 pixels (paper: 1,024). The code
switches the transfer to its panoptic form in this phase, though MAFT+ was trained with the other.
Published cost: four RTX 3090. The paper has no number after this phase alone. Ours: needs official
weights and data; not run.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    InferenceConfig,
    MaskAdapterOnMaftConfig,
    ModelConfig,
    OptimizerConfig,
)


def get_config() -> Config:
    """Trains the adapter and the void embedding; CLIP and transfer are frozen."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_large_d_320", compute_dtype="auto"),
            method=MaskAdapterOnMaftConfig(phase="warmup", num_truth=32, panoptic=True),
            inference=InferenceConfig(short_side=800, long_side=1333, overlap_threshold=0.7),
            templates="vild14",
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff(image_size=(768, 768), batch_size=8),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="step",
            milestones=(260_231, 283_888),
            weight_decay=0.05,
            no_decay=common.ADAPTER_NO_DECAY,
            trainable=(r"adapter/.*", r"void_embedding"),
        ),
        num_steps=295_717,
        init_parts=((r"(clip|transfer)/.*|void_embedding", "weights/maft_plus_large"),),
        init_missing=(r"adapter/.*",),
    )
