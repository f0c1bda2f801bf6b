"""Behind each step: what is not finite is never saved or scored; who asks for an end gets it."""

import dataclasses
import signal

import jax
import jax.numpy as jnp
import pytest

from ovseg_jax.config import CheckpointConfig, Config, MeshConfig, OptimizerConfig
from ovseg_jax.inputs.builders import DataError
from ovseg_jax.training import health
from ovseg_jax.training.agreement import Agreement
from ovseg_jax.training.delayed import LAG
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.keeper import Keeper
from ovseg_jax.training.sharding import make_mesh
from ovseg_jax.training.speed import Speed, work_of
from ovseg_jax.training.state import TrainState
from ovseg_jax.training.stopping import Interruption, StopRequest

CONFIG = Config(num_steps=20, optimizer=OptimizerConfig(peak_lr=1.0))
WEIGHTS = {"head": {"scale": jnp.ones(3)}}
PLACES = jnp.ones(len(health.places(WEIGHTS)), bool)


class Parts:
    """A run, a report and evaluations in one, which write down what they are asked to do."""

    def __init__(self, save_every=100, score_every=100):
        self.done, self.saved = [], None
        self.save_every, self.score_every = save_every, score_every
        self.finishes, self.late = True, False
        self.speed = Speed(Goodput())

    def is_due(self, number):
        return number % self.save_every == 0

    def save(self, state, number, position):
        if self.saved != number:
            self.done.append(("save", number, position))
        self.saved = number

    def is_late(self):
        return self.late

    def newest(self):
        return self.saved

    def wait(self):
        pass

    def scalars(self, number, metrics):
        assert health.KEY not in metrics

    def are_due(self, number):
        return number % self.score_every == 0

    def run_if_due(self, number, params, report):
        if self.are_due(number):
            self.done.append(("score", number))
        return self.finishes


def state(step):
    return TrainState(step=jnp.int32(step), trainable=WEIGHTS, frozen={}, optimizer=())


def started(parts, first=0, stop=None, config=CONFIG, keep_record=lambda: None):
    keeper = Keeper(config, parts, parts, parts, Goodput())
    keeper.start(state(first), make_mesh(MeshConfig()), stop or StopRequest(), keep_record)
    return keeper


def walk(keeper, steps, bad_from=10**9):
    for number in steps:
        finite = PLACES.at[1].set(number < bad_from)
        keeper.step_done(number, state(number), {"loss": 0.0, health.KEY: finite}, number)


def test_values_of_a_run_that_goes_on_are_recorded_when_its_step_is_compiled():
    """Those with which that fails would else bind the run, which did no step with them."""
    noted = []
    for first in (0, 20):
        started(Parts(), first, keep_record=lambda first=first: noted.append(first))
    assert noted == [0, 20], "nothing is bound yet, or nothing will be compiled"
    goes_on = started(Parts(), 12, keep_record=lambda: noted.append(12))
    assert 12 not in noted
    goes_on.compiled(work_of(1, 1.0))
    assert noted[-1] == 12


def test_saves_and_scores_come_when_they_are_due_and_at_the_end():
    parts = Parts(save_every=8, score_every=6)
    keeper = started(parts)
    walk(keeper, range(1, 21))
    assert parts.done == [
        *(("score", 6), ("save", 8, 8), ("score", 12)),
        *(("save", 16, 16), ("score", 18), ("save", 20, 20)),
    ]


@pytest.mark.parametrize("parts", [Parts(save_every=12), Parts(score_every=12)])
def test_nothing_behind_the_first_bad_step_is_saved_or_scored(parts):
    keeper = started(parts)
    with pytest.raises(health.DivergenceError, match="step 11 "):
        walk(keeper, range(1, 21), bad_from=11)
    assert parts.done == []


def test_a_request_saves_behind_the_step_under_way_and_ends():
    parts, stop = Parts(), StopRequest()
    keeper = started(parts, stop=stop)
    walk(keeper, range(1, 4))
    stop.received = signal.SIGTERM
    with pytest.raises(Interruption, match="saved behind step 4 of 20") as caught:
        walk(keeper, range(4, 21))
    assert parts.done == [("save", 4, 4)]
    assert caught.value.status == 75


def test_what_cannot_go_on_is_saved_and_ends_by_its_own_error():
    parts, stop = Parts(), StopRequest()
    keeper = started(parts, stop=stop)
    stop.error = DataError("11 records cannot be read")
    with pytest.raises(DataError, match="11 records"):
        walk(keeper, range(4, 21))
    assert parts.done == [("save", 4, 4)]


def test_a_request_does_not_save_what_is_not_finite():
    parts, stop = Parts(), StopRequest()
    keeper = started(parts, stop=stop)
    stop.received = signal.SIGINT
    with pytest.raises(health.DivergenceError):
        walk(keeper, range(1, 21), bad_from=1)
    assert parts.done == []


def test_a_run_that_was_left_while_it_was_scored_is_scored_when_it_goes_on():
    parts = Parts(score_every=6)
    started(parts, first=12)
    assert parts.done == [("score", 12)]
    started(parts, first=20)
    assert parts.done == [("score", 12)], "the last step is scored behind the weights"


def test_final_scores_that_were_left_make_no_finished_run():
    parts = Parts()
    keeper = started(parts)
    keeper.score_final(state(20))
    parts.finishes = False
    with pytest.raises(Interruption, match="evaluations are left"):
        keeper.score_final(state(20))


def test_devices_agree_some_steps_later(monkeypatch):
    """What several hosts do, on one: the sum of wishes, read with the lag of all numbers."""
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    stop = StopRequest()
    late = []
    agreement = Agreement(stop, make_mesh(MeshConfig()), lambda: bool(late))
    assert not any(any(agreement.asked(number)) for number in range(1, 6))
    stop.received = signal.SIGTERM
    answers = [agreement.asked(number).end for number in range(6, 6 + LAG + 1)]
    assert answers == [False] * LAG + [True]


def test_hosts_save_once_by_the_first_hosts_clock(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    clock = [0]
    agreement = Agreement(StopRequest(), make_mesh(MeshConfig()), lambda: clock[0] >= 5)
    saves = []
    for number in range(1, 30):
        clock[0] += 1
        if agreement.asked(number).save:
            saves.append(number)
            clock[0] = 0
            agreement.saved(number)
    assert saves == [5 + LAG, 5 + LAG + 5 + LAG], "wishes of before a save are fulfilled by it"
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    other = Agreement(StopRequest(), make_mesh(MeshConfig()), lambda: True)
    assert not any(other.asked(number).save for number in range(1, 30)), "its clock has no say"


def test_it_saves_when_it_is_late():
    parts = Parts()
    keeper = started(parts)
    walk(keeper, range(1, 4))
    parts.late = True
    walk(keeper, range(4, 5))
    parts.late = False
    walk(keeper, range(5, 8))
    assert parts.done == [("save", 4, 4)]


def test_where_the_best_is_kept_every_scored_step_is_saved_before_it_is_scored():
    best = dataclasses.replace(CONFIG, checkpoint=CheckpointConfig(best="val/semantic/mIoU"))
    parts = Parts(score_every=6)
    walk(started(parts, config=best), range(1, 8))
    assert parts.done == [("save", 6, 6), ("score", 6)]
