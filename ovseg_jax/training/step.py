"""One optimizer update, compiled once with its shardings."""

from __future__ import annotations

from typing import Any, cast

import jax
import optax

from ovseg_jax import trees
from ovseg_jax.inference import answering
from ovseg_jax.training import health, statistics
from ovseg_jax.training.state import TrainState
from ovseg_jax.typing import Batch, Features, Params, Proposals, Text

Metrics = dict[str, jax.Array]


def make_step(method: Any, source: Any, tx: optax.GradientTransformation, seed: int) -> Any:
    """Returns (state, batch, text) -> (state, metrics), not yet compiled.

    Args:
        method: Module with `loss`.
        source: Mask source with `propose(batch, rng)`; None for the model's own generator.
        tx: Optimizer of the trainable part.
        seed: Seed of the run; each step draws from (seed, step), so a resumed run draws alike.
    """

    def step(state: TrainState, batch: Batch, text: Text) -> tuple[TrainState, Metrics]:
        source_key, loss_key = jax.random.split(
            jax.random.fold_in(jax.random.key(seed), state.step)
        )
        proposals, features = _proposed(method, source, state, batch, text, source_key)

        mutable = statistics.watched(state.trainable)

        def objective(trainable: dict) -> tuple[jax.Array, tuple[Metrics, dict]]:
            variables = {"params": trees.merge(state.frozen, trainable)}
            arguments = (batch, proposals, text, loss_key, features)
            (loss, metrics), seen = method.apply(
                variables, *arguments, method=type(method).loss, mutable=mutable
            )
            return loss, (metrics, seen)

        derive = jax.value_and_grad(objective, has_aux=True)
        (loss, (metrics, seen)), gradients = derive(state.trainable)
        updates, optimizer = tx.update(gradients, state.optimizer, state.trainable)
        # Optax says a tree of any kind; it is of the kind that came in.
        trainable = cast("Params", optax.apply_updates(state.trainable, updates))
        if mutable:
            trainable = statistics.follow(trainable, state.trainable, seen)
        new = state.replace(step=state.step + 1, trainable=trainable, optimizer=optimizer)
        finite = health.measure(loss, gradients, trainable, optimizer)
        norm = optax.tree.norm(gradients)
        return new, metrics | {"gradient_norm": norm, health.KEY: finite}

    return step


def _proposed(
    method: Any, source: Any, state: TrainState, batch: Batch, text: Text, key: jax.Array
) -> tuple[Proposals, Features | None]:
    """Masks of this step, and the features of a frozen image tower if the generator read them."""
    if source is not None:
        return source.propose(batch, key), None

    params = state.params
    features = answering.encode(method, params, batch)
    words = answering.current_text(method, params, text)
    proposals = answering.propose(method, params, batch, features, words)
    proposals, features = jax.lax.stop_gradient((proposals, features))
    tower_trains = "visual" in state.trainable.get("clip", {})
    return proposals, None if tower_trains else features


def lower_step(step: Any, state: TrainState, batch: Batch, text: Text) -> Any:
    """Prepares the step for exactly these shapes and shardings, of arrays or of their shapes.

    The old state's memory is given to the new one.
    """
    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    whole: Any = (
        state.step.sharding
    )  # metrics lie on every device, so that every host can read them

    def on_whole_weights(state: TrainState, batch: Batch, text: Text) -> tuple[TrainState, Metrics]:
        # Split weights are gathered, or XLA moves activations to them, which are larger.
        trainable, frozen = jax.lax.with_sharding_constraint((state.trainable, state.frozen), whole)
        gathered = state.replace(trainable=trainable, frozen=frozen)
        new, metrics = step(gathered, batch, text)
        return new.replace(frozen=state.frozen), metrics

    jitted = jax.jit(on_whole_weights, donate_argnums=0, out_shardings=(shardings, whole))
    with jax.sharding.use_abstract_mesh(whole.mesh.abstract_mesh):  # for `ops.chunks.map_rows`
        return jitted.lower(state, batch, text)


def compile_step(step: Any, state: TrainState, batch: Batch, text: Text) -> Any:
    """Compiles the step for exactly these shapes and shardings.

    The compiled step refuses other shapes instead of compiling again.
    """
    return lower_step(step, state, batch, text).compile()
