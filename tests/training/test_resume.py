"""A killed run goes on where it was, to the bit, and on another number of devices."""

import os
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from ovseg_jax.foundation import trees
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.training.loop import train

COMMAND = [sys.executable, "train.py", "tests/training/tiny.py"]


def start(workdir, prepared, devices=1, **overrides):
    """Starts a run as a user would, in a process of its own."""
    places = {"--data.prepared": prepared, "--evaluations.0.data.prepared": prepared}
    options = places | overrides
    arguments = [part for pair in options.items() for part in pair]
    inherited = os.environ.get("XLA_FLAGS", "")  # other optimisations mean other bits
    environment = os.environ | {
        "XLA_FLAGS": f"{inherited} --xla_force_host_platform_device_count={devices}",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [*COMMAND, "--workdir", str(workdir), *arguments]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


def finish(process):
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()[-2000:]


def saved_steps(workdir):
    folder = workdir / "checkpoints"
    return {int(p.name) for p in folder.iterdir() if p.name.isdigit()} if folder.is_dir() else set()


def kill_after(process, workdir, step, seed, number=signal.SIGKILL):
    """Sends a signal at a random moment after checkpoint `step` appeared; returns the status."""
    deadline = time.monotonic() + 240
    while not any(saved >= step for saved in saved_steps(workdir)):
        assert process.poll() is None, process.stderr.read().decode()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0.0, 0.4))
    process.send_signal(number)
    process.communicate(timeout=240)
    return process.returncode


@pytest.fixture(scope="module")
def uninterrupted(tiny_config, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted")
    train(tiny_config, workdir)
    return trees.flatten(load_weights(workdir)[1])


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_bits(uninterrupted, prepared, tmp_path):
    workdir = tmp_path / "run"
    kill_after(start(workdir, prepared), workdir, step=4, seed=time.time_ns())
    assert not (workdir / "weights").exists(), "the run ended before it was killed"
    finish(start(workdir, prepared))
    resumed = trees.flatten(load_weights(workdir)[1])
    assert resumed.keys() == uninterrupted.keys()
    for path, value in resumed.items():
        np.testing.assert_array_equal(value, uninterrupted[path], err_msg=path)


@pytest.mark.slow
def test_a_run_saved_on_one_device_goes_on_with_eight(uninterrupted, prepared, tmp_path):
    workdir = tmp_path / "run"
    process = start(workdir, prepared)
    assert kill_after(process, workdir, step=4, seed=0, number=signal.SIGTERM) == 75
    finish(start(workdir, prepared, devices=8, **{"--mesh.fsdp": "2"}))
    resumed = trees.flatten(load_weights(workdir)[1])
    for path, value in resumed.items():
        np.testing.assert_allclose(value, uninterrupted[path], rtol=2e-2, atol=2e-4, err_msg=path)


@pytest.mark.parametrize("rule", ["adamw", pytest.param("muon", marks=pytest.mark.slow)])
def test_two_steps_and_two_more_equal_four(tiny_config, tmp_path, rule):
    import dataclasses

    def run(steps, workdir):
        checkpoint = dataclasses.replace(tiny_config.checkpoint, every_steps=2)
        optimizer = dataclasses.replace(tiny_config.optimizer, schedule="constant", rule=rule)
        config = dataclasses.replace(
            tiny_config, num_steps=steps, checkpoint=checkpoint, optimizer=optimizer
        )
        return train(config, workdir)

    run(2, tmp_path / "a")
    resumed, whole = run(4, tmp_path / "a"), run(4, tmp_path / "b")
    for left, right in zip(jax.tree.leaves(resumed), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right))
