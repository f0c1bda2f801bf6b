"""A model, opened: its description, its module, its parameters, and what it knows of words."""

from __future__ import annotations

import dataclasses
from typing import Any

from ovseg_jax.config import InferenceConfig, ModelConfig
from ovseg_jax.foundation.typing import Params
from ovseg_jax.methods.dense_pixels import DensePixels
from ovseg_jax.methods.method import Method
from ovseg_jax.vocabulary.classes import ClassList


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """Everything that answers need to know of a model; `ovseg_jax.loading.opening` opens them.

    Attributes:
        config: Its description.
        method: The method's module, built from it.
        params: All its parameters.
        tokenizer: Texts to token ids; None for a model without words.
        train_classes: The training vocabulary; None if the model names none.
        weights_key: Identifies the text tower in the cache of texts; empty for no cache.
        name: What reports call the model.
    """

    config: ModelConfig
    method: Method
    params: Params
    tokenizer: Any = None
    train_classes: ClassList | None = None
    weights_key: str = ""
    name: str = "model"

    @property
    def inference(self) -> InferenceConfig:
        """Sizes and thresholds."""
        return self.config.inference

    @property
    def templates(self) -> str:
        """Name of the model's own prompt set."""
        return self.config.templates

    @property
    def is_closed(self) -> bool:
        """Whether it knows a fixed list of classes only, and no words."""
        return self.method.clip is None

    @property
    def is_dense(self) -> bool:
        """Whether it names pixels and needs no masks at all."""
        return isinstance(self.method, DensePixels)
