"""The methods, one file for each. A dataclass has the settings of a module, and says where that is.

What is said here is said nowhere else: the modules in `ovseg_jax.methods` read their settings from
it. See docs/adding_a_method.md.
"""

from ovseg_jax.config.methods.contrastive import ContrastiveConfig
from ovseg_jax.config.methods.dense_pixels import DensePixelsConfig
from ovseg_jax.config.methods.fisa import FisaConfig
from ovseg_jax.config.methods.maft_plus import MaftPlusConfig, MaskAdapterOnMaftConfig
from ovseg_jax.config.methods.mask_adapter import MaskAdapterConfig
from ovseg_jax.config.methods.mask_cropping import MaskCroppingConfig
from ovseg_jax.config.methods.mask_generator import MaskGeneratorConfig
from ovseg_jax.config.methods.mask_pooling import MaskPoolingConfig
from ovseg_jax.config.methods.maskclippp import MaskClipPlusPlusConfig
from ovseg_jax.config.methods.ovseg import OVSegConfig

MethodConfig = (
    MaskPoolingConfig
    | MaskCroppingConfig
    | FisaConfig
    | OVSegConfig
    | MaskAdapterConfig
    | MaftPlusConfig
    | MaskAdapterOnMaftConfig
    | MaskClipPlusPlusConfig
    | DensePixelsConfig
    | ContrastiveConfig
    | MaskGeneratorConfig
)
