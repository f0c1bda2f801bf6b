"""Values that several experiments share. Files are forked, not inherited: only values live here."""

from ovseg_jax.config import DataConfig, EvaluationConfig

TOY_SEEN = (
    *("ball", "clock", "wheel", "book", "radio", "oven", "pizza", "cone", "harp", "kite", "gem"),
    *("rug", "boat", "sledge", "bread", "flower", "badge", "spider", "bird", "robot", "windmill"),
    *("tower", "lamp", "bottle", "phone", "rocket"),
    *("grass", "water", "sky", "snow", "brick", "forest"),
)
"""Classes of the toy world that have masks in training; the other 16 occur in captions only."""


def toy_world(split: str, batch_size: int, *, augmented: bool = True) -> DataConfig:
    """The toy world at its own size."""
    return DataConfig(
        name="toy_world",
        config="full",
        split=split,
        vocabulary="toy_world48",
        image_size=(96, 96),
        batch_size=batch_size,
        max_segments=12,
        scale=(1.0, 1.0),
        flip=augmented,
        shuffle=augmented,
    )


def toy_evaluation(split: str, every_steps: int = 0) -> EvaluationConfig:
    """Mask accuracy, mIoU and PQ on ground-truth masks of the toy world."""
    return EvaluationConfig(
        name=split,
        data=toy_world(split, batch_size=50, augmented=False),
        metrics=("mask_accuracy", "semantic", "panoptic"),
        every_steps=every_steps,
    )
