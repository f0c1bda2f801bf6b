"""A model of zeros: a weights directory that costs nothing to make."""

import functools

import numpy as np

from ovseg_jax.config import ClipConfig, MaskPoolingConfig, ModelConfig
from ovseg_jax.foundation import trees
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.loading.weights import save_weights

MODEL = ModelConfig(clip=ClipConfig(variant="convnext_toy"), method=MaskPoolingConfig())


@functools.cache
def zeros():
    """Parameters of `MODEL`."""
    shapes = trees.flatten(parameter_shapes(build.method(MODEL)))
    return trees.unflatten(
        {path: np.zeros(leaf.shape, np.float32) for path, leaf in shapes.items()}
    )


def save_zeros(folder, **options):
    """Writes them; takes what `save_weights` takes."""
    save_weights(folder, MODEL, zeros(), **options)
    return folder
