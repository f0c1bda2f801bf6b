"""A vocabulary through the text tower of a model whose parameters are at hand."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ovseg_jax import build
from ovseg_jax.config import ModelConfig
from ovseg_jax.inference import answering
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.methods.method import Method
from ovseg_jax.typing import Params, Text
from ovseg_jax.vocabulary.classes import ClassList, seen_mask
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.text_bank import build_text


def embed_vocabulary(
    config: ModelConfig,
    module: Method,
    params: Params,
    classes: ClassList,
    *,
    keep_tokens: bool = False,
    cache: Any = None,
) -> Text:
    """Embeds a vocabulary with the text tower of `params`.

    Args:
        config: Names the templates and the training vocabulary.
        module: The method whose CLIP embeds.
        params: All its parameters.
        classes: What to embed.
        keep_tokens: Keep token ids for methods that train the text tower.
        cache: Text cache; None computes anew.
    """
    encode, seen = _text_tower(module), None
    if config.train_vocabulary:
        seen = np.asarray(seen_mask(classes, named_classes(config.train_vocabulary)))
    return build_text(
        classes,
        templates(config.templates),
        lambda ids: np.asarray(encode(params, ids)),
        build.tokenizer(config),
        seen=seen,
        cache=cache,
        keep_tokens=keep_tokens,
    )


@functools.lru_cache(maxsize=8)
def _text_tower(module: Method) -> Callable[[Params, Any], jax.Array]:
    """Compiled once per model, however many vocabularies are scored with it."""
    return jax.jit(functools.partial(answering.embed_text, module))
