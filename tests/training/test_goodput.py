"""Where time goes, and how fast steps are, by a clock that tests turn themselves."""

import json

import pytest

from ovseg_jax.training.delayed import LAG
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.speed import Speed, Work


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def train(clock, workdir, first, steps, goodput=None):
    """A launch: 10 s to start, 30 to compile, 1 s of input and 4 of work per step."""
    goodput = goodput or Goodput(clock)
    clock.now += 10
    goodput.goes_on(workdir, first)
    with goodput.during("step"):
        with goodput.during("compile"):
            clock.now += 30
        for _ in range(steps):
            with goodput.during("input"):
                clock.now += 1
            clock.now += 4
            goodput.steps += 1
    goodput.write()
    return goodput


def test_every_second_belongs_to_one_phase(clock, tmp_path):
    goodput = train(clock, tmp_path, 0, 20)
    with goodput.during("evaluation"):
        clock.now += 7
    found = {name: goodput.seconds(name) for name in ("start", "compile", "input", "step")}
    assert found == {"start": 10, "compile": 30, "input": 20, "step": 80}
    assert goodput.seconds("evaluation") == 7 and goodput.number == 20


def test_steps_behind_the_checkpoint_of_the_next_launch_are_lost(clock, tmp_path):
    train(clock, tmp_path, 0, 20)  # killed behind step 20, saved behind step 15
    goodput = train(clock, tmp_path, 15, 10)
    one, two = json.loads((tmp_path / "goodput.json").read_text())["launches"]
    assert (one["first"], one["last"], one["lost_steps"]) == (0, 20, 0)
    assert (two["first"], two["last"], two["lost_steps"], two["lost_seconds"]) == (15, 25, 5, 20.0)
    table = goodput.table()
    assert "2 launches went (25 steps, 5 done again)" in table
    rows = {line.split()[0]: line.split()[1] for line in table.splitlines()[1:]}
    assert rows == {
        **{"lost": "20.0", "start": "20.0", "compile": "60.0", "input": "30.0"},
        **{"step": "100.0", "evaluation": "0.0", "save": "0.0"},
    }


def test_a_run_that_begins_anew_forgets_and_damage_costs_the_remark_only(clock, tmp_path):
    train(clock, tmp_path, 0, 20)
    assert "1 launch went (5 steps)" in train(clock, tmp_path, 0, 5).table()
    (tmp_path / "goodput.json").write_text('{"launches": [3')
    assert "1 launch went (5 steps)" in train(clock, tmp_path, 20, 5).table()


def test_a_line_tells_time_rate_and_share_of_the_peak(clock, tmp_path):
    goodput = Goodput(clock)
    speed = Speed(goodput)
    speed.work = Work(images=16, flops=40e12, devices=4, peak=20.0)
    assert speed.since_last() == {}, "nothing is done yet"
    train(clock, tmp_path, 0, LAG + 4, goodput)
    with goodput.during("evaluation"):
        clock.now += 1000
    found = speed.since_last()
    seconds = 5 * (LAG + 4) / 4  # the latest steps may be under way
    assert found == pytest.approx(
        {
            "seconds_per_step": seconds,
            "images_per_second": 16 / seconds,
            "input_wait": 0.2,
            "tflops_per_device": 10 / seconds,
            "mfu": 10 / seconds / 20,
        }
    )
    assert speed.since_last() == {}


def test_an_unknown_device_has_no_share_of_its_peak(clock, tmp_path):
    goodput = Goodput(clock)
    speed = Speed(goodput)
    speed.work = Work(images=16, flops=40e12, devices=4, peak=None)
    train(clock, tmp_path, 0, LAG + 4, goodput)
    assert "mfu" not in speed.since_last()
