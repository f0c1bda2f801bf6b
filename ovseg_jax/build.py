"""From descriptions to things: the only place where names become classes."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax import trees
from ovseg_jax.config import (
    Config,
    DataConfig,
    EvaluationConfig,
    MaskSourceConfig,
    MethodConfig,
    ModelConfig,
    QueryGeneratorConfig,
    SamConfig,
)
from ovseg_jax.configs_io import ConfigError
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.methods.method import Method
from ovseg_jax.models.clip.variants import build_clip, build_tokenizer
from ovseg_jax.models.generators.ground_truth import GroundTruthMasks
from ovseg_jax.models.generators.perturbed import PerturbedMasks
from ovseg_jax.models.generators.variants import build_generator
from ovseg_jax.models.sam.sam import Sam, build_sam
from ovseg_jax.typing import Batch, Params, Proposals, Text
from ovseg_jax.vocabulary.classes import ClassList, seen_mask
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.text_bank import build_text


def method(config: ModelConfig) -> Method:
    """Builds the method's module around its towers and generator; parameters come separately.

    Raises:
        ConfigError: The parts do not fit together; the message names the field.
    """
    clip, dtype = None, jnp.dtype(config.clip.compute_dtype)
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


def method_class(config: MethodConfig) -> type[Method]:
    """Returns the class that a method's dataclass names in `module`, as "package.module:Class"."""
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


def check_source(config: MaskSourceConfig, module: Method, field: str = "masks") -> None:
    """Refuses a mask source that the model has not.

    Args:
        config: Where masks come from.
        module: The method.
        field: What the config calls this source.

    Raises:
        ConfigError: Masks of a generator are wanted from a model without one, or masks of another
            model that is not named.
    """
    if config.kind == "model" and not config.path:
        raise ConfigError(
            f"{field}.kind is 'model', but {field}.path is empty: name the weights or run "
            "whose masks are wanted"
        )
    if config.kind == "generator" and not module.makes_masks:
        raise ConfigError(
            f"{field}.kind is 'generator', but the model has none (generator.kind is 'none'): give "
            f"it one, or set {field}.kind to 'ground_truth' or 'perturbed'"
        )


def check_classes(config: ModelConfig, classes: ClassList) -> None:
    """Refuses to teach a generator's fixed list of classes by a vocabulary of another length.

    Args:
        config: The model.
        classes: The training vocabulary.

    Raises:
        ConfigError: Labels would have no place in the list, or another class's.
    """
    generator = config.generator
    if config.method.kind != "mask_generator" or generator.class_head != "linear":
        return
    if generator.num_classes != len(classes):
        raise ConfigError(
            f"generator.num_classes is {generator.num_classes}, but data.vocabulary "
            f"{classes.name!r} has {len(classes)} classes"
        )


def vocabulary(name: str) -> ClassList:
    """Loads a class list: a preset by name, or a file."""
    return named_classes(name)


def class_filter(data: DataConfig, classes: ClassList) -> list[int] | None:
    """Returns the indices of the classes that training keeps; None for all.

    Raises:
        ConfigError: A kept name is not in the vocabulary.
    """
    if not data.classes:
        return None
    if unknown := sorted(set(data.classes) - set(classes.names)):
        raise ConfigError(f"data.classes: {unknown} are not in {classes.name}")
    return [index for index, name in enumerate(classes.names) if name in data.classes]


def evaluations(config: Config) -> tuple[EvaluationConfig, ...]:
    """Returns the evaluations, complete.

    One that reads the training's data set and does not say where it lies finds it where the
    training does, so that `--data.root` and `--data.prepared` are given once.
    """

    def located(data: DataConfig) -> DataConfig:
        if data.name != config.data.name:
            return data
        return dataclasses.replace(
            data,
            root=data.root or config.data.root,
            prepared=data.prepared or config.data.prepared,
        )

    return tuple(dataclasses.replace(item, data=located(item.data)) for item in config.evaluations)


def parameter_shapes(module: Method) -> Params:
    """Returns the tree of parameter shapes without computing anything."""
    return jax.tree.map(lambda leaf: leaf, _shapes_once(module))


@functools.lru_cache(maxsize=8)
def _shapes_once(module: Method) -> Params:
    """Tracing a large model takes seconds, and several checks ask for the same one."""
    return jax.eval_shape(lambda: initial_parameters(module, jax.random.key(0)))


def trainable_groups(config: Config) -> dict[str, int]:
    """Counts a config's trainable parameters by the first part of their paths; computes nothing."""
    shapes = parameter_shapes(method(config.model))
    chosen, _ = trees.split(shapes, config.optimizer.trainable)
    return {name: trees.count({name: part}) for name, part in chosen.items()}


def expected_parameters(config: ModelConfig) -> Params:
    """Returns the tree of parameter shapes of a model, or of a generator that names nothing."""
    if isinstance(config.generator, SamConfig):
        return {"generator": sam_shapes(build_sam(config.generator.variant))}
    return parameter_shapes(method(config))


def sam_shapes(module: Sam) -> Params:
    """Returns the tree of parameter shapes of a SAM."""
    side = module.image_size
    images = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    sizes = jax.ShapeDtypeStruct((1, 2), jnp.int32)
    return jax.eval_shape(module.init, jax.random.key(0), images, sizes)["params"]


def initial_parameters(module: Method, key: jax.Array) -> Params:
    """Returns freshly drawn parameters; call it under `jax.jit`."""
    return module.init(key, *_examples(module))["params"]


def text(
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
    encode = jax.jit(
        lambda weights, tokens: module.apply(
            {"params": weights}, tokens, method=lambda bound, ids: bound.clip.encode_text(ids)
        )
    )
    seen = None
    if config.train_vocabulary:
        seen = np.asarray(seen_mask(classes, vocabulary(config.train_vocabulary)))
    return build_text(
        classes,
        templates(config.templates),
        lambda ids: np.asarray(encode(params, ids)),
        tokenizer(config),
        seen=seen,
        cache=cache,
        keep_tokens=keep_tokens,
    )


def _examples(module: Method) -> tuple:
    """The smallest inputs that touch every parameter."""
    width = module.clip.embedding_dim if module.clip else 1
    side = max(64, math.lcm(32, module.stride))  # whole cells, of patches of 14 pixels too
    length = module.clip.text.context_length if module.clip else 1
    batch = Batch(
        images=jnp.zeros((1, side, side, 3), jnp.uint8),
        sizes=jnp.full((1, 2), side, jnp.int32),
        segment_ids=jnp.ones((1, side, side), jnp.int32),
        labels=jnp.zeros((1, 1), jnp.int32),
    )
    proposals = Proposals(
        masks=jnp.ones((1, 1, side, side), jnp.bool_), valid=jnp.ones((1, 1), jnp.bool_)
    )
    words = Text(
        embeddings=jnp.ones((1, getattr(module.config, "num_templates", 1), width)),
        classes=jnp.zeros((1,), jnp.int32),
        valid=jnp.ones((1,), jnp.bool_),
        seen=jnp.zeros((1,), jnp.bool_),
    )
    return batch, proposals, words, jnp.zeros((1, length), jnp.int32)
