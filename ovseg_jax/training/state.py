"""The training state and its creation: shapes, shardings, initial values, loaded weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Int

from ovseg_jax import trees
from ovseg_jax.config import Config
from ovseg_jax.parameters import initial_parameters, parameter_shapes
from ovseg_jax.training.initial import load_initial, with_copies
from ovseg_jax.training.optimizer import make_optimizer
from ovseg_jax.training.sharding import parameter_shardings, replicated
from ovseg_jax.typing import Params, Struct, struct


@struct
class TrainState(Struct):
    """Everything that a step changes, and the frozen parameters it reads.

    Attributes:
        step: Updates done so far.
        trainable: Parameters under training.
        frozen: All others; never differentiated.
        optimizer: Moments of the trainable part.
    """

    step: Int[Array, ""]
    trainable: Params
    frozen: Params
    optimizer: Any

    @property
    def params(self) -> Params:
        """All parameters as one tree."""
        return trees.merge(self.frozen, self.trainable)


def create(
    config: Config, method: Any, mesh: Mesh
) -> tuple[TrainState, optax.GradientTransformation]:
    """Makes the state of step 0.

    The order matters: shapes first, shardings from shapes, then initial values born sharded, so
    that no device ever holds the whole model; then loaded weights; the optimizer last, since it
    starts from what was loaded.

    Raises:
        trees.TreeError: Loaded weights or patterns do not fit the model.
    """
    shapes = parameter_shapes(method)
    shardings = parameter_shardings(shapes, mesh)
    initialise = jax.jit(initial_parameters, static_argnums=0, out_shardings=shardings)
    params = initialise(method, jax.random.key(config.seed))
    if config.init_from or config.init_parts:
        params = load_initial(params, shardings, config, method.copies)
    elif method.copies:
        params = with_copies(params, method.copies)
    trainable, frozen = trees.split(params, config.optimizer.trainable)
    tx = make_optimizer(config.optimizer, config.num_steps, trainable)
    state = TrainState(
        step=jax.device_put(jnp.zeros((), jnp.int32), replicated(mesh)),
        trainable=trainable,
        frozen=frozen,
        optimizer=_initial_moments(tx, trainable, mesh),
    )
    return state, tx


def _initial_moments(tx: optax.GradientTransformation, trainable: Params, mesh: Mesh) -> Any:
    """Places moments like the parameters they belong to, counters on every device."""
    shardings = jax.tree.map(lambda leaf: leaf.sharding, trainable)
    placed = optax.tree.map_params(
        tx,
        lambda _, sharding: sharding,
        jax.eval_shape(tx.init, trainable),
        shardings,
        transform_non_params=lambda _: replicated(mesh),
    )
    return jax.jit(tx.init, out_shardings=placed)(trainable)
