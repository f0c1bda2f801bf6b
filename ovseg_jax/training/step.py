"""One optimizer update, compiled once with its shardings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax
import optax

from ovseg_jax.config import StepConfig
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Batch, Features, Params, Proposals, Text
from ovseg_jax.inference import answering
from ovseg_jax.models import computed_again
from ovseg_jax.training import accumulation, health, statistics
from ovseg_jax.training.state import TrainState

Metrics = dict[str, jax.Array]
Answer = tuple[jax.Array, tuple[Metrics, dict]]
"""The loss; numbers to report, and the collections that `apply` handed back."""
Objective = Callable[[Params, Batch], Answer]


def make_step(
    method: Any,
    source: Any,
    tx: optax.GradientTransformation,
    seed: int,
    settings: StepConfig = StepConfig(),  # noqa: B008 - frozen
) -> Any:
    """Returns (state, batch, text) -> (state, metrics), not yet compiled.

    Args:
        method: Module with `loss`.
        source: Mask source with `propose(batch, rng)`; None for the model's own generator.
        tx: Optimizer of the trainable part.
        seed: Seed of the run; each step draws from (seed, step), so a resumed run draws alike.
        settings: How the gradient is computed.
    """

    def step(state: TrainState, batch: Batch, text: Text) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(jax.random.key(seed), state.step)
        objective = _objective(method, source, state, text, key)
        (loss, (metrics, seen)), gradients = _derived(objective, state, batch, settings)
        updates, optimizer = tx.update(gradients, state.optimizer, state.trainable)
        # Optax says a tree of any kind; it is of the kind that came in.
        trainable = cast("Params", optax.apply_updates(state.trainable, updates))
        if statistics.watched(state.trainable):
            trainable = statistics.follow(trainable, state.trainable, seen)
        new = state.replace(step=state.step + 1, trainable=trainable, optimizer=optimizer)
        finite = health.measure(loss, gradients, trainable, optimizer)
        norm = optax.tree.norm(gradients)
        return new, metrics | {"gradient_norm": norm, health.KEY: finite}

    return step


def _objective(
    method: Any, source: Any, state: TrainState, text: Text, key: jax.Array
) -> Objective:
    """Returns (trainable, batch) -> loss and what comes with it, for one step's draws."""
    source_key, loss_key = jax.random.split(key)
    mutable = statistics.watched(state.trainable)

    def objective(trainable: Params, batch: Batch) -> Answer:
        proposals, features = _proposed(method, source, state, batch, text, source_key)
        variables = {"params": trees.merge(state.frozen, trainable)}
        arguments = (batch, proposals, text, loss_key, features)
        (loss, metrics), seen = method.apply(
            variables, *arguments, method=type(method).loss, mutable=mutable
        )
        return loss, (metrics, seen)

    return objective


def _derived(
    objective: Objective, state: TrainState, batch: Batch, settings: StepConfig
) -> tuple[Answer, Params]:
    """The objective and its gradient, as the settings want them computed."""
    derive = jax.value_and_grad(objective, has_aux=True)
    with computed_again.by(settings.remat):
        return accumulation.added_up(
            lambda part: objective(state.trainable, part),
            lambda part: derive(state.trainable, part),
            batch,
            settings.accumulate,
        )


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


def trace_step(step: Any, state: TrainState, batch: Batch, text: Text) -> Any:
    """Traces the step for exactly these shapes and shardings, of arrays or of their shapes.

    The old state's memory is given to the new one. What is returned tells the program (`jaxpr`),
    and `.lower()` prepares it for a compiler.
    """
    shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
    whole: Any = state.step.sharding  # metrics lie on every device: every host can read them

    def on_whole_weights(state: TrainState, batch: Batch, text: Text) -> tuple[TrainState, Metrics]:
        # Split weights are gathered, or XLA moves activations to them, which are larger.
        trainable, frozen = jax.lax.with_sharding_constraint((state.trainable, state.frozen), whole)
        gathered = state.replace(trainable=trainable, frozen=frozen)
        new, metrics = step(gathered, batch, text)
        return new.replace(frozen=state.frozen), metrics

    jitted = jax.jit(on_whole_weights, donate_argnums=0, out_shardings=(shardings, whole))
    with jax.sharding.use_abstract_mesh(whole.mesh.abstract_mesh):  # for `ops.chunks.map_rows`
        return jitted.trace(state, batch, text)


def compile_step(step: Any, state: TrainState, batch: Batch, text: Text) -> Any:
    """Compiles the step for exactly these shapes and shardings.

    The compiled step refuses other shapes instead of compiling again.
    """
    return trace_step(step, state, batch, text).lower().compile()
