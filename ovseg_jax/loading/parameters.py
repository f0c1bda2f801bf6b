"""The parameters of a model: their shapes, without computing anything, and fresh values."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Int

from ovseg_jax.config import Config, ModelConfig, SamConfig
from ovseg_jax.disk.programs import keep_traced, read_traced, traced_file
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Batch, Params, Proposals, Text
from ovseg_jax.loading import build
from ovseg_jax.methods.method import Method
from ovseg_jax.models.sam.sam import Sam, build_sam


def without_places(tree: Any) -> Any:
    """Returns the shapes of a tree without values and shardings: all that tracing needs."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def parameter_shapes(module: Method) -> Params:
    """Returns the tree of parameter shapes without computing anything."""
    return jax.tree.map(lambda leaf: leaf, _shapes_once(module))


@build.once_per_method
def _shapes_once(module: Method) -> Params:
    """Tracing a large model takes seconds, and several checks ask for the same one."""
    file = traced_file("shapes", module)
    kept = _read_shapes(read_traced(file))
    if kept is not None:
        return kept
    shapes = jax.eval_shape(lambda: initial_parameters(module, jax.random.key(0)))
    rows = {path: (leaf.shape, leaf.dtype.name) for path, leaf in trees.flatten(shapes).items()}
    keep_traced(file, lambda: json.dumps(rows).encode())
    return shapes


def _read_shapes(content: bytes | None) -> Params | None:
    """Returns kept shapes; None for none, and for a file that is damaged."""
    try:
        rows = {} if content is None else json.loads(content)
        leaves = {path: jax.ShapeDtypeStruct(*row) for path, row in rows.items()}
        return trees.unflatten(leaves) or None
    except (ValueError, TypeError, AttributeError):
        return None


def answering_part(config: ModelConfig, params: Params) -> tuple[ModelConfig, Params]:
    """Returns a trained model without what only its training read, such as a teacher.

    Args:
        config: The model as it was trained.
        params: Its parameters.
    """
    answering = dataclasses.replace(config, method=config.method.answering)
    if answering == config:
        return config, params
    unread = build.method(config).copies.keys() - build.method(answering).copies.keys()
    kept = {name: part for name, part in params.items() if name not in unread}
    return answering, kept


def trainable_groups(config: Config) -> dict[str, int]:
    """Counts a config's trainable parameters by the first part of their paths; computes nothing."""
    shapes = parameter_shapes(build.method(config.model))
    chosen, _ = trees.split(shapes, config.optimizer.trainable)
    return {name: trees.count({name: part}) for name, part in chosen.items()}


def expected_parameters(config: ModelConfig) -> Params:
    """Returns the tree of parameter shapes of a model, or of a generator that names nothing."""
    if isinstance(config.generator, SamConfig):
        return {"generator": sam_shapes(build_sam(config.generator.variant))}
    return parameter_shapes(build.method(config))


def sam_shapes(module: Sam) -> Params:
    """Returns the tree of parameter shapes of a SAM."""
    side = module.image_size
    images = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    sizes = jax.ShapeDtypeStruct((1, 2), jnp.int32)
    return dict(jax.eval_shape(module.init, jax.random.key(0), images, sizes)["params"])


def initial_parameters(module: Method, key: jax.Array) -> Params:
    """Returns freshly drawn parameters; call it under `jax.jit`."""
    return dict(module.init(key, *smallest_inputs(module))["params"])


def smallest_inputs(module: Method) -> tuple[Batch, Proposals, Text, Int[jax.Array, "r l"]]:
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
