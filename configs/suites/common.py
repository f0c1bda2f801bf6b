"""The data sets of the papers' tables, each as one evaluation of photos at their own size.

Names are those of the tables: A-150 and A-847 are ADE20K, PC-59 and PC-459 PASCAL-Context, PAS-20
and PAS-21 PASCAL-VOC 2012 without and with its background.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

from ovseg_jax.config import Config, DataConfig, EvaluationConfig, MaskSourceConfig, OptimizerConfig

DATA = {
    "a150": ("ade20k", "semantic", "ade150"),
    "a847": ("ade20k_full", "published", "ade847"),
    "pc59": ("pascal_context", "context59", "pascal_context59"),
    "pc459": ("pascal_context", "context459", "pascal_context459"),
    "pas20": ("pascal_voc", "pas20", "pascal_voc20"),
    "pas21": ("pascal_voc", "pas21", "pascal_voc21"),
    "a150_panoptic": ("ade20k", "panoptic", "ade150"),
    "coco_panoptic": ("coco_panoptic", "validation", "coco_panoptic133"),
    "cityscapes": ("cityscapes", "panoptic", "cityscapes19"),
    "mapillary": ("mapillary", "panoptic", "mapillary65"),
}
"""Data set, builder config and vocabulary of each."""


def evaluation(name: str, *metrics: str, masks: str = "generator") -> EvaluationConfig:
    """Describes one evaluation of a set of `DATA`.

    Args:
        name: A key of `DATA`.
        *metrics: What is scored.
        masks: Whose masks.
    """
    data_set, config, vocabulary = DATA[name]
    data = DataConfig(name=data_set, config=config, split="validation", vocabulary=vocabulary)
    return at_own_size(name, data, *metrics, masks=masks)


def at_own_size(
    name: str, data: DataConfig, *metrics: str, masks: str = "generator", **others: Any
) -> EvaluationConfig:
    """Describes one evaluation of any set, photo by photo at their own size.

    Args:
        name: Of the evaluation.
        data: The set.
        *metrics: What is scored.
        masks: Whose masks.
        **others: Further fields of the evaluation.
    """
    return EvaluationConfig(
        name=name,
        data=dataclasses.replace(data, max_segments=64),
        masks=MaskSourceConfig(kind=masks),
        metrics=metrics,
        protocol="photo",
        **others,
    )


def suite(evaluations: Iterable[EvaluationConfig]) -> Config:
    """Returns a config that trains nothing; the model is that of the weights."""
    items = tuple(evaluations)
    return Config(
        data=dataclasses.replace(items[0].data),
        optimizer=OptimizerConfig(trainable=()),
        evaluations=items,
        num_steps=0,
    )
