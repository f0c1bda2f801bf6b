"""Two hosts that talk to each other train as one does."""

import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from ovseg_jax import trees
from ovseg_jax.inputs.datasets import open_split
from ovseg_jax.training import integrity
from ovseg_jax.training.loop import train
from ovseg_jax.weights import load_weights


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def two_hosts(workdir, prepared, steps=20):
    """Starts one run on two processes that know each other, as on a cluster."""
    options = {
        "--workdir": workdir,
        "--data.prepared": prepared,
        "--num-steps": steps,
        "--evaluations.0.data.prepared": prepared,
    }
    arguments = [str(part) for pair in options.items() for part in pair]
    command = [sys.executable, "train.py", "tests/training/tiny.py", *arguments]
    cluster = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    return [
        subprocess.Popen(
            command, env=os.environ | cluster | {"JAX_PROCESS_ID": str(n)}, stderr=subprocess.PIPE
        )
        for n in range(2)
    ]


def statuses(hosts):
    errors = [host.communicate(timeout=400)[1].decode()[-3000:] for host in hosts]
    return [host.returncode for host in hosts], "\n".join(errors)


@pytest.mark.slow
def test_two_hosts_end_where_one_does(tiny_config, prepared, tmp_path):
    open_split(tiny_config.data)  # hosts of a cluster share prepared data
    train(tiny_config, tmp_path / "one")
    found, errors = statuses(two_hosts(tmp_path / "two", prepared))
    assert found == [0, 0], errors
    one = trees.flatten(load_weights(tmp_path / "one")[1])
    two = trees.flatten(load_weights(tmp_path / "two")[1])
    for path, value in one.items():
        np.testing.assert_allclose(two[path], value, rtol=2e-2, atol=2e-4, err_msg=path)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_a_signal_to_one_host_ends_both_behind_the_same_step(
    tiny_config, prepared, tmp_path, asked
):
    open_split(tiny_config.data)
    hosts, folder = two_hosts(tmp_path / "run", prepared, steps=10_000), tmp_path / "run"
    deadline = time.monotonic() + 300
    while not integrity.saved_steps(folder / "checkpoints"):
        assert time.monotonic() < deadline and hosts[0].poll() is None
        time.sleep(0.05)
    hosts[asked].send_signal(signal.SIGTERM)
    found, errors = statuses(hosts)
    assert found == [75, 75], errors
    assert integrity.newest_intact(folder / "checkpoints")[1] == {}
