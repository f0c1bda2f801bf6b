"""MIoU on the 22 sets of MESS (arXiv 2306.15521), as its evaluator counts it.

ovseg evaluate WEIGHTS_OR_RUN --suite mess --roots FOLDER

FOLDER holds all sets under the names that MESS gives them; a file of roots may say where one of
them lies, by the name of its evaluation. A class that is predicted but absent counts as 0.
"mIoU/interest" is what MESS calls CoI-mIoU, "mACC/interest" CoI-mACC.
"""

from configs.suites.common import at_own_size, suite
from ovseg_jax.config import Config, DataConfig, EvaluationConfig

FOR_VALIDATION = ("bdd100k", "dark_zurich", "isaid", "uavid")
"""Sets that are scored on their validation split; all others on the one for testing."""

SETS = (
    *("bdd100k", "dark_zurich", "mhp_v1", "foodseg103", "atlantis", "dram"),
    *("isaid", "isprs_potsdam", "worldfloods", "floodnet", "uavid"),
    *("kvasir_instrument", "chase_db1", "cryonuseg"),
    *("paxray_lungs", "paxray_bones", "paxray_mediastinum", "paxray_diaphragm"),
    *("corrosion_cs", "deepcrack", "pst900", "zerowaste"),
    *("suim", "cub_200", "cwfid"),
)
"""In the order of MESS's table."""


def get_config() -> Config:
    """One evaluation per set, from pixels; PAXRay is four of them."""
    return suite(_evaluation(name) for name in SETS)


def _evaluation(name: str) -> EvaluationConfig:
    split = "validation" if name in FOR_VALIDATION else "test"
    data = DataConfig(name="label_maps", config=f"mess/{name}", split=split, vocabulary="")
    return at_own_size(name, data, "semantic", miou="absent_counted")
