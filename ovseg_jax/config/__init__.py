"""The schema of every experiment: small frozen dataclasses, one per concern.

A config file under `configs/` returns a `Config`; the command line overrides single fields
(`--optimizer.peak-lr 2e-4`). This module only describes; `ovseg_jax.loading.build` turns
descriptions into modules, and each part of the program reads its own section.
"""

from ovseg_jax.config.data import (
    DataConfig,
    EvaluationConfig,
    MaskSourceConfig,
    MixedConfig,
)
from ovseg_jax.config.experiment import (
    CheckpointConfig,
    Config,
    LrFactor,
    MeshConfig,
    OptimizerConfig,
    StepConfig,
)
from ovseg_jax.config.generators import (
    GeneratorConfig,
    NoGeneratorConfig,
    QueryGeneratorConfig,
    SamConfig,
)
from ovseg_jax.config.methods import (
    ContrastiveConfig,
    DensePixelsConfig,
    FisaConfig,
    MaftPlusConfig,
    MaskAdapterConfig,
    MaskAdapterOnMaftConfig,
    MaskClipPlusPlusConfig,
    MaskCroppingConfig,
    MaskGeneratorConfig,
    MaskPoolingConfig,
    MethodConfig,
    OVSegConfig,
)
from ovseg_jax.config.model import (
    ClipConfig,
    EnsembleConfig,
    InferenceConfig,
    ModelConfig,
)

__all__ = [
    "CheckpointConfig",
    "ClipConfig",
    "Config",
    "ContrastiveConfig",
    "DataConfig",
    "DensePixelsConfig",
    "EnsembleConfig",
    "EvaluationConfig",
    "FisaConfig",
    "GeneratorConfig",
    "InferenceConfig",
    "LrFactor",
    "MaftPlusConfig",
    "MaskAdapterConfig",
    "MaskAdapterOnMaftConfig",
    "MaskClipPlusPlusConfig",
    "MaskCroppingConfig",
    "MaskGeneratorConfig",
    "MaskPoolingConfig",
    "MaskSourceConfig",
    "MeshConfig",
    "MethodConfig",
    "MixedConfig",
    "ModelConfig",
    "NoGeneratorConfig",
    "OVSegConfig",
    "OptimizerConfig",
    "StepConfig",
    "QueryGeneratorConfig",
    "SamConfig",
]
