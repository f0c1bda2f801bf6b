"""Can the pipeline learn at all: the toy-size model from scratch on 64 real photos, by heart.

    python train.py configs/overfit.py --workdir runs/overfit --data.root DIR

DIR is a folder as `data/photo_set/README.md` describes it, with the set `coco128_instances`.
Every parameter trains, text tower and Mask-Adapter included. Last comes the accuracy on the same
photos, in `runs/overfit/evaluations/`: 0.9 is asked for; it reaches 1.0 in four to five minutes of
processor time.
"""

import dataclasses

from ovseg_jax.config import (
    CheckpointConfig,
    ClipConfig,
    Config,
    DataConfig,
    EvaluationConfig,
    InferenceConfig,
    MaskAdapterConfig,
    ModelConfig,
    OptimizerConfig,
)

STEPS = 400


def get_config() -> Config:
    """Masks of at least 1 % of a photo, named by all 80 thing names."""
    data = DataConfig(
        name="photo_set",
        config="coco128_instances",
        split="train[:64]",
        vocabulary="coco_things80",
        image_size=(128, 128),
        batch_size=16,
        max_segments=16,
        scale=(1.0, 1.0),
        flip=False,
        pad_value=-1,  # mean colour, as in evaluation
        min_area=0.01,
    )
    return Config(
        model=ModelConfig(
            clip=ClipConfig(variant="convnext_toy"),
            method=MaskAdapterConfig(
                num_maps=8,
                width=64,
                num_blocks=2,
                layer_scale_init=0.1,
                chunk=64,
                num_truth=6,
                has_void=False,
                tune_text=True,
            ),
            inference=InferenceConfig(short_side=128, long_side=128),
            templates="single",
            train_vocabulary="coco_things80",
        ),
        data=data,
        optimizer=OptimizerConfig(
            peak_lr=2e-3,
            warmup_steps=50,
            beta2=0.98,
            weight_decay=0.0,
            trainable=(".*",),
        ),
        checkpoint=CheckpointConfig(every_steps=STEPS, keep=1),
        evaluations=(
            EvaluationConfig(
                name="train", data=dataclasses.replace(data, batch_size=32, shuffle=False)
            ),
        ),
        num_steps=STEPS,
        log_every=20,
    )
