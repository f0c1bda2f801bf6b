"""From descriptions to things: the only place where names become classes."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, TypeVar

import jax.numpy as jnp

from ovseg_jax.config import (
    MaskSourceConfig,
    MethodConfig,
    ModelConfig,
    QueryGeneratorConfig,
    SamConfig,
)
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation import devices
from ovseg_jax.methods.method import Method
from ovseg_jax.models.clip.variants import build_clip, build_tokenizer
from ovseg_jax.models.generators.ground_truth import GroundTruthMasks
from ovseg_jax.models.generators.perturbed import PerturbedMasks
from ovseg_jax.models.generators.variants import build_generator
from ovseg_jax.vocabulary.prompts import templates

T = TypeVar("T")


@functools.lru_cache(maxsize=8)
def method(config: ModelConfig) -> Method:
    """Builds the method's module around its towers and generator; parameters come separately.

    Checks, loading and training of one model get one and the same module.

    Raises:
        ConfigError: The parts do not fit together; the message names the field.
    """
    clip, dtype = None, jnp.dtype(devices.compute_dtype(config.clip.compute_dtype))
    if config.clip.variant:
        clip = build_clip(config.clip.variant, dtype, config.clip.position_resize)
    elif needs := _needs_clip(config):
        raise ConfigError(f"clip.variant is empty, but {needs} needs a CLIP model")
    generator = _generator(config, clip, dtype)
    module = method_class(config.method)(clip=clip, config=config.method, generator=generator)
    for need in module.needs(len(templates(config.templates))):
        if not need.met:
            found = functools.reduce(getattr, need.field.split("."), config)
            name = config.method.kind
            raise ConfigError(f"{need.field} is {found!r}, but {name} needs {need.admitted}")
    return module


def once_per_method(function: Callable[[Method], T]) -> Callable[[Method], T]:
    """Keeps what a function gave for the latest eight methods.

    Flax hashes a module by its fields, which its types do not say.
    """
    return functools.lru_cache(maxsize=8)(function)  # type: ignore[reportReturnType]


def method_class(config: MethodConfig) -> Callable[..., Method]:
    """Returns the class that a method's dataclass names in `module`, as "package.module:Class".

    Its type leaves the arguments open: each class takes settings of its own, and the towers that
    it needs.
    """
    file, name = config.module.split(":")
    return getattr(importlib.import_module(file), name)


def _generator(config: ModelConfig, clip: Any, dtype: Any) -> Any:
    if isinstance(config.generator, SamConfig):
        raise ConfigError(
            "generator.kind is 'sam', but a model's own generator is 'query' or 'none': SAM makes "
            "masks for another model (--generator)"
        )
    if not isinstance(config.generator, QueryGeneratorConfig):
        return None
    return build_generator(config.generator, clip.embedding_dim if clip else 0, dtype)


def _needs_clip(config: ModelConfig) -> str:
    """Says what in a model needs CLIP; empty if nothing does."""
    if config.method.kind != "mask_generator":
        return f"method.kind {config.method.kind!r}"
    if not isinstance(config.generator, QueryGeneratorConfig):
        return ""
    if config.generator.backbone == "clip":
        return "generator.backbone 'clip'"
    linear = config.generator.class_head == "linear"
    return "" if linear else f"generator.class_head {config.generator.class_head!r}"


def tokenizer(config: ModelConfig) -> Any:
    """Builds the tokenizer that the text tower was made for; None without a text tower."""
    if not config.clip.variant:
        return None
    return build_tokenizer(config.clip.variant, config.clip.tokenizer_file)


def mask_source(config: MaskSourceConfig) -> Any:
    """Builds the source of masks; None for the model's own generator, which needs parameters.

    Raises:
        ConfigError: The masks are those of another model, which cannot run inside this one's step.
    """
    if config.kind == "model":
        raise ConfigError(
            f"masks.kind 'model' ({config.path}) serves evaluations only: to train on the masks of "
            "a generator, make it part of the model (model.generator, init_parts)"
        )
    if config.kind == "generator":
        return None
    if config.kind == "perturbed":
        return PerturbedMasks(iou=config.iou, copies=config.copies)
    return GroundTruthMasks()
