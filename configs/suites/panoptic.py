"""PQ, AP and mIoU on panoptic sets: A-150, Cityscapes, Mapillary Vistas, and COCO, the seen one.

ovseg evaluate WEIGHTS_OR_RUN --suite panoptic --roots roots.yaml
"""

from configs.suites.common import evaluation, suite
from ovseg_jax.config import Config

SETS = ("a150_panoptic", "cityscapes", "mapillary", "coco_panoptic")


def get_config() -> Config:
    """One evaluation per set, from pixels."""
    return suite(evaluation(name, "panoptic", "instance", "semantic") for name in SETS)
