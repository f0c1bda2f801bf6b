"""Accuracy of names on true masks, on every set of `open_vocabulary`: no generator is asked.

ovseg evaluate WEIGHTS_OR_RUN --suite mask_accuracy --roots roots.yaml
"""

from configs.suites.common import evaluation, suite
from configs.suites.open_vocabulary import SETS
from ovseg_jax.config import Config


def get_config() -> Config:
    """One evaluation per set, on true masks."""
    return suite(evaluation(name, "mask_accuracy", masks="ground_truth") for name in SETS)
