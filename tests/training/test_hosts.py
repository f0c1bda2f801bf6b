"""Two hosts that talk to each other train as one does."""

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from ovseg_jax.foundation import trees
from ovseg_jax.inputs.datasets import open_split
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.training import integrity
from ovseg_jax.training.alone import LOST
from ovseg_jax.training.loop import train


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def hosts_of(workdir, prepared, steps=20, hosts=2, devices=1, **more):
    """Starts one run on some processes that know each other, as on a cluster."""
    options = {
        "--workdir": workdir,
        "--data.prepared": prepared,
        "--num-steps": steps,
        "--evaluations.0.data.prepared": prepared,
    }
    options |= {f"--{name.replace('__', '.').replace('_', '-')}": x for name, x in more.items()}
    arguments = [str(part) for pair in options.items() for part in pair]
    command = [sys.executable, "train.py", "tests/training/tiny.py", *arguments]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags}
    if hosts > 1:
        environment["JAX_COORDINATOR_ADDRESS"] = f"127.0.0.1:{free_port()}"
        environment["JAX_NUM_PROCESSES"] = str(hosts)
    return [
        subprocess.Popen(
            command, env=environment | {"JAX_PROCESS_ID": str(n)}, stderr=subprocess.PIPE
        )
        for n in range(hosts)
    ]


def wait_for_checkpoint(folder, hosts):
    deadline = time.monotonic() + 300
    while not integrity.saved_steps(folder / "checkpoints"):
        assert time.monotonic() < deadline and hosts[0].poll() is None
        time.sleep(0.05)


def close_to(found, wanted):
    """Sums over devices are taken in another order, and Adam makes steps of small differences."""
    one, other = (trees.flatten(load_weights(place)[1]) for place in (wanted, found))
    for path, value in one.items():
        np.testing.assert_allclose(other[path], value, rtol=2e-2, atol=2e-4, err_msg=path)


def statuses(hosts):
    errors = [host.communicate(timeout=400)[1].decode()[-3000:] for host in hosts]
    return [host.returncode for host in hosts], "\n".join(errors)


@pytest.mark.slow
def test_two_hosts_end_where_one_does(tiny_config, prepared, tmp_path):
    open_split(tiny_config.data)  # hosts of a cluster share prepared data
    train(tiny_config, tmp_path / "one")
    found, errors = statuses(hosts_of(tmp_path / "two", prepared, devices=4))
    assert found == [0, 0], errors
    close_to(tmp_path / "two", tmp_path / "one")
    assert (tmp_path / "two" / "evaluations" / "test_20.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_a_signal_to_one_host_ends_both_behind_the_same_step(
    tiny_config, prepared, tmp_path, asked
):
    open_split(tiny_config.data)
    hosts, folder = hosts_of(tmp_path / "run", prepared, steps=10_000), tmp_path / "run"
    wait_for_checkpoint(folder, hosts)
    hosts[asked].send_signal(signal.SIGTERM)
    found, errors = statuses(hosts)
    assert found == [75, 75], errors
    assert integrity.newest_intact(folder / "checkpoints")[1] == {}


@pytest.mark.slow
def test_a_checkpoint_of_two_hosts_goes_on_with_other_hosts_and_devices(
    tiny_config, prepared, tmp_path
):
    """Saved on 2 x 4 devices; ends on 1 x 1, 1 x 8 and 4 x 2 where an uninterrupted run does."""
    train(dataclasses.replace(tiny_config, num_steps=12), tmp_path / "one")
    folder = tmp_path / "run"
    found, errors = statuses(hosts_of(folder, prepared, 12, devices=4, checkpoint__keep=3))
    assert found == [0, 0], errors
    close_to(folder, tmp_path / "one")
    assert integrity.saved_steps(folder / "checkpoints") == [4, 8, 12]
    for behind in ("checkpoints/8", "checkpoints/12", "weights", "evaluations"):
        shutil.rmtree(folder / behind)  # as if it had been killed behind step 4
    for count, devices in ((1, 1), (1, 8), (4, 2)):
        place = tmp_path / f"{count}x{devices}"
        shutil.copytree(folder, place)
        found, errors = statuses(hosts_of(place, prepared, 12, count, devices, checkpoint__keep=3))
        assert found == [0] * count, errors
        assert "goes on from step 4 of 12" in errors
        close_to(place, tmp_path / "one")


@pytest.mark.slow
def test_a_lost_host_ends_the_other_in_time_and_both_go_on(tiny_config, prepared, tmp_path):
    open_split(tiny_config.data)
    folder, limit = tmp_path / "run", {"step__watchdog_seconds": 20}
    hosts = hosts_of(folder, prepared, steps=10_000, **limit)
    wait_for_checkpoint(folder, hosts)
    hosts[1].kill()
    killed = time.monotonic()
    found, errors = statuses(hosts[:1])
    assert found == [LOST], errors
    assert time.monotonic() - killed < 60
    assert "host 0 of 2: " in errors and "another host may be lost" in errors
    hosts = hosts_of(folder, prepared, steps=10_000, **limit)
    time.sleep(1)
    deadline = time.monotonic() + 300
    before = max(integrity.saved_steps(folder / "checkpoints"))
    while max(integrity.saved_steps(folder / "checkpoints")) == before:
        assert time.monotonic() < deadline and hosts[0].poll() is None
        time.sleep(0.05)
    hosts[0].send_signal(signal.SIGTERM)
    found, errors = statuses(hosts)
    assert found == [75, 75], errors
