"""Training that leaves the finite numbers is stopped soon, by name, and saves nothing of it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ovseg_jax.config import OptimizerConfig
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.training import health
from ovseg_jax.training.delayed import LAG, Delayed
from ovseg_jax.training.state import TrainState
from ovseg_jax.training.step import make_step

WEIGHTS = {"head": {"scale": jnp.ones(3)}, "tower": {"block": {"kernel": jnp.ones((3, 3))}}}


class Net(nn.Module):
    """The least that the training step takes for a method: weights are cubed and meet the batch."""

    def setup(self):
        self.head = self.param("head", lambda _: WEIGHTS["head"])
        self.tower = self.param("tower", lambda _: WEIGHTS["tower"])

    def loss(self, batch, proposals, text, rng, features=None):
        hidden = batch.images @ self.tower["block"]["kernel"]
        loss = (hidden**3).mean() + jnp.sum(self.head["scale"] ** 2)
        return loss, {"loss": loss}


class NoMasks:
    def propose(self, batch, key):
        return None


def run(tx, images, steps=1):
    """The measurements of some steps, and the state behind them."""
    state = TrainState(step=jnp.int32(0), trainable=WEIGHTS, frozen={}, optimizer=tx.init(WEIGHTS))
    step = jax.jit(make_step(Net(), NoMasks(), tx, seed=0))
    found = []
    for _ in range(steps):
        state, metrics = step(state, Batch(images=images, sizes=jnp.full((1, 2), 1)), None)
        found.append(metrics)
    return found, state


def bad_places(metrics):
    names = health.places(WEIGHTS)
    return [name for name, good in zip(names, metrics[health.KEY], strict=True) if not good]


IMAGES = jnp.ones((1, 1, 1, 3))


def test_a_healthy_step_is_finite_everywhere():
    (metrics,), _ = run(optax.sgd(0.1), IMAGES)
    assert bad_places(metrics) == []


def test_a_bad_batch_is_seen_in_loss_and_in_the_gradient_of_what_meets_it():
    (metrics,), _ = run(optax.sgd(0.1), IMAGES * jnp.nan)
    found = bad_places(metrics)
    assert found[:2] == ["the loss", "the gradient of tower/block"]
    assert "the gradient of head" not in found


def test_an_update_out_of_range_is_seen_though_loss_and_gradient_are_finite():
    (metrics,), _ = run(optax.sgd(3e38), IMAGES)
    assert np.isfinite(metrics["loss"])
    assert bad_places(metrics)[0] == "the updated values of head"


def test_moments_out_of_range_are_seen():
    (metrics,), state = run(optax.adam(1e-3), IMAGES * 1e10)
    assert bad_places(metrics) == ["the optimizer's moments"]
    assert np.isfinite(np.concatenate([np.ravel(x) for x in jax.tree.leaves(state.params)])).all()


def test_the_watch_stops_within_its_lag_and_names_step_group_and_remedy():
    names = health.places(WEIGHTS)
    good, bad = jnp.ones(len(names), bool), jnp.zeros(len(names), bool).at[0].set(True)
    watch = health.Watch(WEIGHTS, OptimizerConfig(peak_lr=1e12), lambda: 4)
    with pytest.raises(health.DivergenceError) as caught:
        for number in range(1, 100):
            metrics = {"loss": good, health.KEY: good if number < 7 else bad}
            assert list(watch.note(number, metrics)) == ["loss"]
    assert number == 7 + LAG <= 20
    for part in ("step 7 ", "gradient of head", "checkpoint 4 is finite", "peak_lr (now 1e+12)"):
        assert part in str(caught.value)
    assert str(caught.value).endswith("move checkpoints/4 away: the one before it is used")


def test_before_a_save_every_step_is_judged():
    places = jnp.ones(len(health.places(WEIGHTS)), bool)
    watch = health.Watch(WEIGHTS, OptimizerConfig(), lambda: None)
    watch.note(1, {health.KEY: places})
    watch.settle()
    watch.note(2, {health.KEY: ~places})
    with pytest.raises(
        health.DivergenceError, match="step 2 .* no checkpoint yet.* look at init_from"
    ):
        watch.settle()


def test_delayed_numbers_come_in_order_and_depend_on_steps_only():
    queue, out = Delayed(lag=2), []
    for number in range(5):
        out += [(n, int(v)) for n, v in queue.put(number, jnp.int32(number * 10))]
    assert out == [(0, 0), (1, 10), (2, 20)]
    assert [n for n, _ in queue.rest()] == [3, 4]
