"""The steps of a run, one after another: take a batch, update, hand on what came of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from ovseg_jax.config import Config
from ovseg_jax.foundation.typing import Batch, Text
from ovseg_jax.inputs.stream import Stream
from ovseg_jax.training import agreement, flops, speed, step
from ovseg_jax.training.keeper import Keeper
from ovseg_jax.training.profiling import Profile
from ovseg_jax.training.state import TrainState


class Recipe(NamedTuple):
    """What the step is made of.

    Attributes:
        config: The experiment.
        method: Module with `loss`.
        source: Where masks come from; None for the model's own generator.
        tx: Optimizer of the trainable part.
    """

    config: Config
    method: Any
    source: Any
    tx: Any

    def step(self, settings: Any) -> Any:
        """Returns the step, computed by some settings."""
        return step.make_step(self.method, self.source, self.tx, self.config.seed, settings)


def take_steps(
    recipe: Recipe, stream: Stream, state: TrainState, text: Text, keeper: Keeper, profile: Profile
) -> TrainState:
    """Trains to the last step; the first batch says what the step is compiled for."""
    update, goodput = None, keeper.goodput
    guard = recipe.config.step.transfer_guard
    with goodput.during("step"):
        for number in range(int(state.step) + 1, recipe.config.num_steps + 1):
            with goodput.during("input"):
                batch = next(stream)
            update = update or _start(recipe, state, batch, text, keeper)
            profile.before(number)
            with jax.transfer_guard(guard):
                state, metrics = update(state, batch, text)
            profile.behind(number, metrics)
            keeper.stop.error = stream.failure
            keeper.step_done(number, state, metrics, stream.position)
    keeper.stop.error = None  # nothing is left to read
    return state


def _start(recipe: Recipe, state: TrainState, batch: Batch, text: Text, keeper: Keeper) -> Any:
    """Compiles the step and lets the log know its work."""
    with keeper.goodput.during("compile"):
        update, work = compiled(recipe, state, batch, text)
        keeper.compiled(work)
        agreement.meet("compiled")
    return update


def compiled(recipe: Recipe, state: TrainState, batch: Batch, text: Text) -> tuple[Any, speed.Work]:
    """Compiles the step, and counts what it has to compute.

    What is computed again by `step.remat` is no work, and parts would be counted as they are cut;
    so the count is that of the plain step.
    """
    settings = recipe.config.step
    traced = step.trace_step(recipe.step(settings), state, batch, text)
    plain = traced.jaxpr
    if settings.remat != "none" or settings.accumulate > 1:
        plain = jax.make_jaxpr(recipe.step(type(settings)()))(state, batch, text)
    work = speed.work_of(len(batch.images), flops.model_flops(plain))
    return traced.lower().compile(), work
