"""Two hosts that talk to each other train as one does."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from ovseg_jax import trees
from ovseg_jax.inputs.datasets import open_split
from ovseg_jax.training.loop import train
from ovseg_jax.weights import load_weights


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_two_hosts_end_where_one_does(tiny_config, prepared, tmp_path):
    open_split(tiny_config.data)  # hosts of a cluster share prepared data
    train(tiny_config, tmp_path / "one")
    options = {
        "--workdir": tmp_path / "two",
        "--init-from": "",
        "--data.config": "tiny",
        "--data.batch-size": 8,
        "--data.prepared": prepared,
        "--num-steps": 20,
        "--checkpoint.every-steps": 4,
        "--evaluations.0.data.config": "tiny",
        "--evaluations.0.data.batch-size": 8,
    }
    arguments = [str(part) for pair in options.items() for part in pair]
    command = [sys.executable, "train.py", "configs/toy/mask_adapter.py", *arguments]
    cluster = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    hosts = [
        subprocess.Popen(
            command, env=os.environ | cluster | {"JAX_PROCESS_ID": str(n)}, stderr=subprocess.PIPE
        )
        for n in range(2)
    ]
    errors = [host.communicate(timeout=400)[1].decode() for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0], "\n".join(e[-3000:] for e in errors)
    one = trees.flatten(load_weights(tmp_path / "one")[1])
    two = trees.flatten(load_weights(tmp_path / "two")[1])
    for path, value in one.items():
        np.testing.assert_allclose(two[path], value, rtol=2e-2, atol=2e-4, err_msg=path)
