"""The training state and its creation: shapes, shardings, initial values, loaded weights."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Int

from ovseg_jax.config import Config
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Params, Struct, struct
from ovseg_jax.loading.parameters import initial_parameters, parameter_shapes
from ovseg_jax.training import sharding
from ovseg_jax.training.initial import load_initial, with_copies
from ovseg_jax.training.optimizer import make_optimizer


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
    shardings = sharding.parameter_shardings(shapes, mesh)
    initialise = jax.jit(initial_parameters, static_argnums=0, out_shardings=shardings)
    params = initialise(method, jax.random.key(config.seed))
    if config.init_from or config.init_parts:
        params = load_initial(params, shardings, config, method.copies)
    elif method.copies:
        params = with_copies(params, method.copies)
    trainable, frozen = trees.split(params, config.optimizer.trainable)
    tx = make_optimizer(config.optimizer, config.num_steps, trainable)
    moments = moment_shardings(tx, trainable, mesh, spread=config.mesh.spread_moments)
    state = TrainState(
        step=jax.device_put(jnp.zeros((), jnp.int32), sharding.replicated(mesh)),
        trainable=trainable,
        frozen=frozen,
        optimizer=jax.jit(tx.init, out_shardings=moments)(trainable),
    )
    return state, tx


def moment_shardings(
    tx: optax.GradientTransformation, trainable: Params, mesh: sharding.AnyMesh, *, spread: bool
) -> Any:
    """Says where the optimizer's values lie: moments like their parameters, counters everywhere.

    Args:
        tx: The optimizer.
        trainable: Its parameters, or their shapes with shardings.
        mesh: The device mesh.
        spread: Split moments over all devices.
    """
    place = functools.partial(sharding.spread, mesh=mesh) if spread else lambda leaf: leaf.sharding
    return optax.tree.map_params(
        tx,
        lambda leaf, chosen: leaf if _is_masked(leaf) else chosen,
        jax.eval_shape(tx.init, trainable),
        jax.tree.map(place, trainable),
        is_leaf=_is_masked,
        transform_non_params=lambda _: sharding.replicated(mesh),
    )


def _is_masked(leaf: Any) -> bool:
    """Whether it stands for a parameter that falls under another rule of the optimizer."""
    return isinstance(leaf, optax.MaskedNode)
