"""MIoU on the six sets of the papers' first tables: A-847, A-150, PC-459, PC-59, PAS-20, PAS-21.

ovseg evaluate WEIGHTS_OR_RUN --suite open_vocabulary --roots roots.yaml
"""

from configs.suites.common import evaluation, suite
from ovseg_jax.config import Config

SETS = ("a847", "a150", "pc459", "pc59", "pas20", "pas21")


def get_config() -> Config:
    """One evaluation per set, from pixels."""
    return suite(evaluation(name, "semantic") for name in SETS)
