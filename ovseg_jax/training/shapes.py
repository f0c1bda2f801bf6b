"""What a training step takes, as shapes with their place on a mesh: nothing is read or computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Sharding

from ovseg_jax.config import Config, DataConfig
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Batch, Text
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.training import sharding
from ovseg_jax.training.optimizer import make_optimizer
from ovseg_jax.training.state import TrainState, moment_shardings
from ovseg_jax.training.step import make_step
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.text_bank import bucket

Shape = jax.ShapeDtypeStruct


def step_and_inputs(
    config: Config, mesh: sharding.AnyMesh, classes: ClassList | None = None
) -> tuple[Any, tuple[TrainState, Batch, Text]]:
    """Returns the step of an experiment, not compiled, and the shapes of what it takes.

    Args:
        config: The experiment.
        mesh: Devices, which need not exist here.
        classes: The training vocabulary; None for that of the data section.

    Raises:
        OvsegError: The experiment does not describe a model, or its classes cannot be read.
    """
    method = build.method(config.model)
    state, tx = state_shapes(config, method, mesh)
    text = text_shapes(config, method, class_list(config.data) if classes is None else classes)
    tokenizer = build.tokenizer(config.model)
    batch = batch_shapes(config.data, tokenizer.context_length if tokenizer else 1)
    step = make_step(method, build.mask_source(config.masks), tx, config.seed, config.step)
    return step, (
        state,
        placed(batch, sharding.batch_sharding(mesh)),
        placed(text, sharding.replicated(mesh)),
    )


def state_shapes(
    config: Config, method: Any, mesh: sharding.AnyMesh
) -> tuple[TrainState, optax.GradientTransformation]:
    """Returns the shapes of the training state with their shardings, and the optimizer.

    Args:
        config: The experiment.
        method: Its module.
        mesh: Devices, which need not exist here.
    """
    shapes = parameter_shapes(method)
    places = sharding.parameter_shardings(shapes, mesh)
    trainable, frozen = trees.split(_each(shapes, places), config.optimizer.trainable)
    tx = make_optimizer(config.optimizer, config.num_steps, trainable)
    step: Any = Shape((), jnp.int32, sharding=sharding.replicated(mesh))
    state = TrainState(
        step=step,
        trainable=trainable,
        frozen=frozen,
        optimizer=_each(
            jax.eval_shape(tx.init, trainable),
            moment_shardings(tx, trainable, mesh, spread=config.mesh.spread_moments),
        ),
    )
    return state, tx


def batch_shapes(data: DataConfig, tokens: int) -> Batch:
    """Returns the shapes of a batch as the stream of a data section gives it.

    Args:
        data: The data section.
        tokens: Ids of a caption.
    """
    (height, width), count = data.image_size, data.batch_size

    def shape(*sizes: int, dtype: Any = jnp.int32) -> Any:
        return Shape((count, *sizes), dtype)

    return Batch(
        images=shape(height, width, 3, dtype=jnp.uint8),
        sizes=shape(2),
        segment_ids=shape(height, width),
        labels=shape(data.max_segments),
        captions=shape(tokens) if data.captions else None,
    )


def text_shapes(config: Config, method: Any, classes: ClassList) -> Text:
    """Returns the shapes of an embedded training vocabulary.

    Args:
        config: The experiment.
        method: Its module.
        classes: The vocabulary.
    """
    rows, slots = bucket(len(classes.synonym_rows[0])), bucket(len(classes))
    variants = len(templates(config.model.templates))
    tokenizer = build.tokenizer(config.model)
    width = method.clip.embedding_dim if method.clip else 1
    tokens = tokenizer.context_length if tokenizer else 1
    # ShapeDtypeStructs stand where arrays will.
    fields: Mapping[str, Any] = {
        "embeddings": Shape((rows, variants, width), jnp.float32),
        "classes": Shape((rows,), jnp.int32),
        "valid": Shape((slots,), jnp.bool_),
        "seen": Shape((slots,), jnp.bool_),
        "tokens": Shape((rows, variants, tokens), jnp.int32),
    }
    return Text(**fields)


def placed(tree: Any, place: Sharding) -> Any:
    """Returns the shapes of a tree, all with one sharding."""
    return jax.tree.map(lambda leaf: Shape(leaf.shape, leaf.dtype, sharding=place), tree)


def _each(tree: Any, places: Any) -> Any:
    return jax.tree.map(lambda x, place: Shape(x.shape, x.dtype, sharding=place), tree, places)
