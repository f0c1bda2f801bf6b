"""A tiny model with random weights: everything but the meaning of its answers can be tested."""

import functools

import jax
import numpy as np

from ovseg_jax.config import (
    ClipConfig,
    InferenceConfig,
    MaskAdapterConfig,
    MaskPoolingConfig,
    ModelConfig,
    QueryGeneratorConfig,
)
from ovseg_jax.inference.model import Model
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import initial_parameters

CONFIG = ModelConfig(
    clip=ClipConfig(variant="convnext_toy"),
    method=MaskAdapterConfig(num_maps=4, width=16, num_blocks=1, layer_scale_init=0.1),
    inference=InferenceConfig(short_side=96, long_side=96),
    templates="single",
    train_vocabulary="toy_world_seen32",
)
POOLING = ModelConfig(
    clip=CONFIG.clip,
    method=MaskPoolingConfig(),
    inference=CONFIG.inference,
    templates=CONFIG.templates,
    train_vocabulary=CONFIG.train_vocabulary,
)
GENERATOR = QueryGeneratorConfig(
    backbone="convnext_toy",
    num_queries=5,
    width=16,
    mask_width=16,
    heads=2,
    levels=2,
    encoder_layers=1,
    encoder_hidden=16,
    decoder_layers=2,
    decoder_hidden=16,
)


@functools.cache
def random_params(config=CONFIG):
    """Random parameters, spread out so that different masks get different names."""
    method = build.method(config)
    params = jax.jit(lambda key: initial_parameters(method, key))(jax.random.key(0))
    params = jax.tree.map(np.asarray, params)
    params["clip"]["logit_scale"] = np.float32(np.log(100))
    return params


def opened(config=CONFIG, params=None):
    """What a `Segmenter` is made of."""
    return Model(
        config=config,
        method=build.method(config),
        params=random_params(config) if params is None else params,
        tokenizer=build.tokenizer(config),
        train_classes=named_classes(config.train_vocabulary),
        name="tiny",
    )


def rectangles(height, width, *spans):
    """Hard masks from (top, bottom, left, right)."""
    masks = np.zeros((len(spans), height, width), bool)
    for mask, (top, bottom, left, right) in zip(masks, spans, strict=True):
        mask[top:bottom, left:right] = True
    return masks


def photo(height=60, width=80, seed=0):
    """A photo of coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3))
    return np.kron(blocks, np.ones((height // 6 + 1, width // 8 + 1, 1)))[:height, :width].astype(
        np.uint8
    )
