"""A model around parameters at hand, and a vocabulary through its text tower."""

from __future__ import annotations

import numpy as np

from ovseg_jax.config import ModelConfig
from ovseg_jax.foundation.typing import Params, Text
from ovseg_jax.inference.model import Model
from ovseg_jax.inference.steps import compiled_steps
from ovseg_jax.inference.text_encoder import TextEncoder
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.loading import build
from ovseg_jax.methods.method import Method
from ovseg_jax.vocabulary.classes import ClassList


def assemble(config: ModelConfig, method: Method, params: Params) -> Model:
    """Puts a model together with its tokenizer and its training vocabulary.

    Args:
        config: Its description.
        method: The module, built from it.
        params: All its parameters.
    """
    return Model(
        config=config,
        method=method,
        params=params,
        tokenizer=build.tokenizer(config),
        train_classes=named_classes(config.train_vocabulary) if config.train_vocabulary else None,
    )


def embed_vocabulary(
    config: ModelConfig,
    method: Method,
    params: Params,
    classes: ClassList,
    *,
    keep_tokens: bool = False,
) -> Text:
    """Embeds a vocabulary with the text tower of `params`.

    Args:
        config: Names the templates and the training vocabulary.
        method: The module whose CLIP embeds.
        params: All its parameters.
        classes: What to embed.
        keep_tokens: Keep token ids for methods that train the text tower.
    """
    model = assemble(config, method, params)
    tower = compiled_steps(method, config.inference.ensemble).embed_text
    encoder = TextEncoder(model, lambda ids: np.asarray(tower(params, ids)))
    return encoder.embed(classes, keep_tokens=keep_tokens)
