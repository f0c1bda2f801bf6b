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


ADAPTER_NO_DECAY = (r"adapter/norm/(scale|bias)", r"void_embedding")
"""The released training exempts torch's own norms and embeddings only, so the adapter's custom
norms, biases and layer scales do decay there (systems 1.6)."""


def coco_panoptic(image_size: tuple[int, int], batch_size: int) -> DataConfig:
    """COCO panoptic, large-scale jitter 0.1 to 2, grey padding; needs `--data.root`."""
    return DataConfig(
        name="coco_panoptic",
        split="train",
        vocabulary="coco_panoptic133",
        image_size=image_size,
        batch_size=batch_size,
        max_segments=96,
    )


def coco_stuff(image_size: tuple[int, int], batch_size: int) -> DataConfig:
    """COCO-Stuff, 171 classes, one segment per class; needs `--data.root`."""
    return DataConfig(
        name="coco_stuff",
        split="train",
        vocabulary="coco_stuff171",
        image_size=image_size,
        batch_size=batch_size,
        max_segments=48,
    )


def coco_evaluation() -> EvaluationConfig:
    """Accuracy on ground-truth masks, mIoU and PQ on COCO panoptic at test size."""
    return EvaluationConfig(
        name="coco_panoptic",
        data=DataConfig(
            name="coco_panoptic",
            config="validation",
            split="validation",
            vocabulary="coco_panoptic133",
            max_segments=128,
        ),
        metrics=("mask_accuracy", "semantic", "panoptic"),
        protocol="photo",
    )
