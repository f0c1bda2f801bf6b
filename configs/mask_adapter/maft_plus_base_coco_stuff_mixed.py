"""Mask-Adapter on MAFT+ ConvNeXt-B, second phase: truth mixed with MAFT+'s masks.

python train.py configs/mask_adapter/maft_plus_base_coco_stuff_mixed.py \
    --workdir runs/ma_maft_base --data.root /data/coco
python evaluate.py runs/ma_maft_base --config configs/ade150.py \
    --evaluations.0.data.root /data/ade --evaluations.0.miou absent_counted

Adapter, CLIP and transfer are those of the first phase, generator and void row MAFT+'s: what the
tool weight_fuse_maftp.py does is `init_parts` here. Values from hustvl/MaskAdapter,
configs/mixed-mask-training (docs/reference 1.6). Paper and code differ: batch 16 and 24, weight
decay 0.05 and 2e-5, steps and a polynomial; the gradient of the consistency also enters the side of
the truth, padding pairs are full masks, the void row stays. The large model's threshold is 0.40,
its transfer panoptic.
Published cost: four RTX 3090. Paper: A-150 35.6, A-847 14.2, PC-59 58.4, PC-459 17.9, PAS-20 95.1.
alpha and beta are those of A-150; those of the other four sets are not published.
Ours: needs official weights and data; not run.
"""

from configs import common
from ovseg_jax.config import (
    ClipConfig,
    Config,
    EnsembleConfig,
    InferenceConfig,
    MaskAdapterOnMaftConfig,
    MaskSourceConfig,
    ModelConfig,
    OptimizerConfig,
    QueryGeneratorConfig,
)


def get_config() -> Config:
    """16 true masks, 8 predictions and their truth per image; only the adapter trains."""
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_base_w_320", compute_dtype="auto"),
            method=MaskAdapterOnMaftConfig(
                phase="mixed", num_truth=16, mask_threshold=0.45, panoptic=False
            ),
            generator=QueryGeneratorConfig(num_queries=100),
            inference=InferenceConfig(
                overlap_threshold=0.7, ensemble=EnsembleConfig(alpha=0.7, beta=1.0)
            ),
            templates="vild14",
            train_vocabulary="coco_stuff171",
        ),
        data=common.coco_stuff(image_size=(1024, 1024), batch_size=24),
        masks=MaskSourceConfig(kind="generator"),
        optimizer=OptimizerConfig(
            peak_lr=1e-4,
            schedule="poly",
            weight_decay=2e-5,
            no_decay=common.ADAPTER_NO_DECAY,
            trainable=(r"adapter/.*",),
        ),
        evaluations=(common.coco_stuff_pixels_evaluation(),),
        num_steps=49_286,
        init_from="runs/ma_maft_base_warmup",
        init_parts=((r"generator/.*|void_embedding", "weights/maft_plus_base"),),
    )
