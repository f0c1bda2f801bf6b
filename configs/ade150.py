"""mIoU on ADE20K-150 from pixels, of any model with a mask generator: the papers' first number.

python evaluate.py WEIGHTS_OR_RUN --config configs/ade150.py --evaluations.0.data.root /data/ade

/data/ade holds the 2,000 validation photos and their annotations of ADEChallengeData2016, and a
manifest.json as `data/photo_set/README.md` describes (set "ade150"). Test size, thresholds,
ensemble and templates are those of the weights; `--evaluations.0.miou absent_counted` is the
convention of MAFT+, Mask-Adapter on it, and OVSeg. Evaluation only: the model section below is
replaced by that of the weights.
"""

from configs import common
from ovseg_jax.config import Config, MaskSourceConfig, OptimizerConfig


def get_config() -> Config:
    """One evaluation; for masks of another model add `--generator`."""
    return Config(
        optimizer=OptimizerConfig(trainable=()),
        evaluations=(common.ade_evaluation(MaskSourceConfig(kind="generator")),),
        num_steps=0,
    )
