"""Signals: the first waits until work is saved, the second does not; the status tells."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, sys, time
from ovseg_jax.training.stopping import StopRequest
with StopRequest().listening() as stop:
    if "working" in sys.argv:
        stop.wait_for_steps()
    print("ready", flush=True)
    if "compiling" in sys.argv:  # one long call that lets other threads run, as XLA's is
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.01)
        if stop.requested and "stubborn" not in sys.argv:
            sys.exit(stop.status)
        if stop.requested:
            print("asked", flush=True)
            time.sleep(60)
"""


def start(*how):
    command = [sys.executable, "-c", PROGRAM, *how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_with_work_to_save_the_program_ends_itself(number, status):
    process = start("working")
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status
    assert said.startswith(f"ovseg: {number.name}: saving at the next step")


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_before_the_first_step_it_ends_at_once_while_it_compiles(number, status):
    process = start("compiling")
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status
    assert "nothing to save" in said


@pytest.mark.parametrize("second, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_at_once(second, status):
    process = start("working", "stubborn")
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "asked\n"
    process.send_signal(second)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status
    assert said.splitlines()[-1].endswith("again: ending at once")


def test_handlers_are_given_back():
    from ovseg_jax.training.stopping import StopRequest

    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with StopRequest().listening() as stop:
        assert signal.getsignal(signal.SIGINT) is not before[1]
        assert not stop.requested
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
