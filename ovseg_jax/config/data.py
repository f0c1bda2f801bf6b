"""What is read, for training and for scoring."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ovseg_jax.config.schema import schema

SYNTHETIC = "synthetic"
"""The `data.name` of random pictures that are read from nowhere."""


@schema
class MixedConfig:
    """Another data set in the training stream; fields mean what they mean in `DataConfig`.

    Attributes:
        weight: Its share of the examples, beside `data.weight` and those of the other sets.
    """

    name: str = ""
    config: str = ""
    split: str = "train"
    root: str = ""
    prepared: str = ""
    fraction: float = 1.0
    subset_seed: int = 0
    weight: float = 1.0


@schema
class DataConfig:
    """The training stream.

    Attributes:
        name: A folder under `data/` of this package, which holds a TFDS builder; or "synthetic",
            random pictures that are the same in every step, to time training without reading.
        config: Builder config; empty for its default.
        split: TFDS split, slices allowed ("train[:64]").
        root: Where the publisher's files lie; empty where the builder makes its own.
        prepared: Where TFDS keeps prepared records; empty for its default.
        vocabulary: Class list that labels are read as, by name: a preset, several of them joined
            by "+", or a file; empty for the classes of the data set itself.
        image_size: Height and width of training images in pixels.
        batch_size: Images per step over all devices.
        max_segments: Ground-truth slots per image.
        scale: Range of large-scale jitter; (1, 1) only fits the image into the frame.
        flip: Whether half of the images are mirrored.
        color_jitter: Whether brightness, contrast, saturation and hue change at random.
        pad_value: Grey level of the padding before normalisation (detectron2: 128); -1 means
            the mean colour.
        classes: Class names whose segments are kept; empty for all.
        others: What becomes of segments of other classes: void, or masks without a name, as
            class-agnostic data gives them. Those train a mask generator, which learns to find
            them and not what to call them. Training only.
        min_area: Segments below this fraction of the photo's pixels are dropped; measured on the
            annotation at the photo's own size, before any scaling, cropping or padding, so that
            training and evaluation drop the same ones.
        shuffle: Order the examples anew in each epoch.
        captions: Whether a caption of each image is drawn and tokenised.
        fraction: Share of the split's records that are read, at least one: a random subset.
        subset_seed: Draws the subset; of one seed, larger subsets contain the smaller ones.
        weight: Share of the examples that come from this set, where others are mixed in.
        mixed_with: Other sets in the same stream, read in the same vocabulary. Training only.
        max_unreadable: So many damaged records are passed over, the next record of the set in the
            place of each; more end the run. Counted on each host.
        workers: Threads that read on each host; 0 for one per processor. Memory is for so many
            photos at their own size.
        reuse_batch: Train on the first batch again and again, to see what a model can learn by
            heart or how fast it trains without reading.
    """

    name: str = "coco_panoptic"
    config: str = ""
    split: str = "train"
    root: str = ""
    prepared: str = ""
    vocabulary: str = "coco_panoptic133"
    image_size: tuple[int, int] = (1024, 1024)
    batch_size: int = 8
    max_segments: int = 64
    scale: tuple[float, float] = (0.1, 2.0)
    flip: bool = True
    color_jitter: bool = False
    pad_value: int = 128
    classes: tuple[str, ...] = ()
    others: Literal["void", "unnamed"] = "void"
    min_area: float = 0.0
    shuffle: bool = True
    captions: bool = False
    fraction: float = 1.0
    subset_seed: int = 0
    weight: float = 1.0
    mixed_with: tuple[MixedConfig, ...] = ()
    max_unreadable: int = 10
    workers: int = 0
    reuse_batch: bool = False


def data_sets(data: DataConfig) -> tuple[DataConfig, ...]:
    """Returns a section for each set of the stream, which differ in what is read only."""
    alone = dataclasses.replace(data, mixed_with=())
    others = (
        {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
        for item in data.mixed_with
    )
    return (alone, *(dataclasses.replace(alone, **fields) for fields in others))


@schema
class MaskSourceConfig:
    """Where masks come from while training and evaluating.

    Attributes:
        kind: The data's own ground truth, ground truth perturbed into imperfect masks, the
            model's own mask generator, or another model's (evaluation only).
        iou: Mean IoU that perturbed masks are aimed at.
        copies: Perturbed masks per ground-truth mask.
        path: Weights directory or run of the other model.
        most: Bounds the masks per image of SAM, the best first.
    """

    kind: Literal["ground_truth", "perturbed", "generator", "model"] = "ground_truth"
    iou: float = 0.8
    copies: int = 1
    path: str = ""
    most: int = 256


@schema
class EvaluationConfig:
    """One evaluation over one split.

    Attributes:
        name: Prefix of its numbers.
        metrics: Which evaluators run; "boundary" is the IoU of pixels near outlines.
        every_steps: How often during training; 0 for the end only.
        max_images: Upper bound of images; 0 for all.
        protocol: "frame" fits pictures into `data.image_size` and scores there; "photo" uses the
            test size of the model's inference section and scores at the photo's own size.
        miou: Whether classes that are predicted but absent count (older detectron2) or not.
        names: Who names the masks: the model, or the truth, to see what perfect names would give:
            paired with masks one to one, or for each mask what it overlaps most.
        seen_apart: Whether scores are also given for seen and for unseen classes apart, as
            `model.train_vocabulary` parts them; of no use where a model is trained on all classes
            that it is scored on.
    """

    name: str = "validation"
    data: DataConfig = DataConfig()
    masks: MaskSourceConfig = MaskSourceConfig()
    metrics: tuple[
        Literal["mask_accuracy", "semantic", "boundary", "panoptic", "instance"], ...
    ] = ("mask_accuracy",)
    every_steps: int = 0
    max_images: int = 0
    protocol: Literal["frame", "photo"] = "frame"
    miou: Literal["absent_dropped", "absent_counted"] = "absent_dropped"
    names: Literal["model", "matched", "nearest"] = "model"
    seen_apart: bool = True
