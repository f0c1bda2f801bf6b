"""A process whose steps hang ends by itself and says where it stood."""

import subprocess
import sys
import time

import pytest

from ovseg_jax.training.alone import LOST
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.watchdog import watching

PROGRAM = """
import sys, time
from pathlib import Path
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.watchdog import watching

def never_ends():
    time.sleep(60)

goodput = Goodput()
with watching(goodput, 0.5, Path(sys.argv[1])), goodput.during("step"):
    for _ in range(10):  # a second and a half of good steps
        time.sleep(0.15)
        goodput.steps += 1
    never_ends()
"""


def test_a_step_that_hangs_ends_the_process_with_the_stacks_of_its_threads(tmp_path):
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == LOST, done.stderr
    assert time.monotonic() - began < 50
    assert "no step within 0.5 seconds (step.watchdog_seconds) behind step 10" in done.stderr
    for text in (done.stderr, (tmp_path / "hang-0.txt").read_text()):
        assert "in never_ends" in text and "Thread" in text


@pytest.mark.parametrize("phase", ["compile", "evaluation", "start"])
def test_phases_of_unknown_length_are_not_watched(tmp_path, phase):
    goodput = Goodput()
    with watching(goodput, 0.2, tmp_path), goodput.during(phase):
        time.sleep(0.6)  # the process would be gone
    assert not list(tmp_path.iterdir())


def test_zero_seconds_are_no_limit(tmp_path):
    goodput = Goodput()
    with watching(goodput, 0, tmp_path), goodput.during("step"):
        time.sleep(0.3)
