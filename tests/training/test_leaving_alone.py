"""What fails on one host of several ends it at once, without waiting for the others."""

import subprocess
import sys

import pytest
from slow_cases import quick_ones

from ovseg_jax.training.alone import LOST

PROGRAM = """
import atexit, sys
import jax
from ovseg_jax.training import alone
from ovseg_jax.training.health import DivergenceError

atexit.register(print, "said goodbye")
jax.distributed.is_initialized = lambda: True
jax.process_count, jax.process_index = lambda: 2, lambda: 1
with alone.leaving_alone():
    raise {error}
"""
CASES = {
    "jax.errors.JaxRuntimeError('peer closed')": (LOST, "another host may be lost: peer closed."),
    "FileNotFoundError('no photo')": (2, "host 1 of 2: no photo"),
    "KeyError('defect')": (1, "Traceback"),
}


def end_of(error):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(error=error)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr, "said goodbye" in done.stdout


@pytest.mark.parametrize("error", quick_ones(CASES, list(CASES)[:1]))
def test_a_failure_that_others_do_not_know_of_ends_the_host_at_once(error):
    status, words = CASES[error]
    found, said, goodbye = end_of(error)
    assert (found, goodbye) == (status, False), said
    assert words in said


def test_hosts_say_goodbye_to_each_other_where_all_end_by_the_same():
    found, said, goodbye = end_of("DivergenceError('loss is nan')")
    assert goodbye and found == 1 and "loss is nan" in said
