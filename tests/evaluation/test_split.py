"""An evaluation divided over devices and hosts gives the same files, to the last bit."""

import json
import os
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest

from ovseg_jax.evaluation import gathered, shares
from ovseg_jax.evaluation.counted import PhotoPart
from ovseg_jax.evaluation.instance import Encoded, ImageInstances
from ovseg_jax.evaluation.panoptic import PanopticCounts
from ovseg_jax.evaluation.pieces import Piece
from ovseg_jax.evaluation.report.files import contents
from ovseg_jax.evaluation.worst import WorstPhoto
from tests.training.test_hosts import free_port

PROGRAM = "tests/evaluation/scores_on_devices.py"


def started(prepared, devices, *counts, **more):
    """Starts the program that scores with several numbers of devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": "."} | more
    command = [sys.executable, PROGRAM, str(prepared), *map(str, counts)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def hashes(process):
    printed = process.communicate(timeout=1500)[0].decode()
    assert process.returncode == 0
    return json.loads(printed.splitlines()[-1])  # above it the network says that it is there


@pytest.mark.slow
def test_devices_and_hosts_change_no_digit(tmp_path):
    """Seven photos in batches of four and one by one, on 1, 3 and 8 devices and on two hosts."""
    place = tmp_path / "prepared"
    here = hashes(started(place, 8, 1, 3, 8))
    cluster = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free_port()}", "JAX_NUM_PROCESSES": "2"}
    hosts = [started(place, 2, 2, **cluster, JAX_PROCESS_ID=str(n)) for n in range(2)]
    found = [here[:2], here[2:4], here[4:], *map(hashes, hosts)]
    assert all(each == here[:2] for each in found)
    assert here[0] != here[1] and all(len(each) == 5 for each in here)


def test_threads_and_hosts_change_no_digit(scenes, monkeypatch):
    """Three threads on one device, and two hosts whose lines meet as on a cluster."""
    make, params = scenes
    suite = make()

    def written():
        return contents(suite.score(params, "toy", by_photo=True), "toy")

    whole = written()
    monkeypatch.setattr(shares, "own_devices", lambda: jax.local_devices()[:1] * 3)
    assert written() == whole
    kept = []
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(gathered, "from_all_hosts", lambda lines: kept.extend(lines) or kept)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    part = written()
    assert part != whole and len(kept) == 3
    monkeypatch.setattr(jax, "process_index", lambda: 0)
    assert written() == whole and len(kept) == 6


@pytest.mark.parametrize("count", [0, 1, 7])
def test_hosts_share_all_batches_and_leave_out_what_is_done(count, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    taken = []
    for host in range(2):
        monkeypatch.setattr(jax, "process_index", lambda host=host: host)
        taken += shares.own_numbers(count, done={3})
    assert sorted(taken) == [number for number in range(count) if number != 3]


def test_results_come_in_order_and_few_items_are_held():
    held, most, gate = [], [], threading.Event()

    def items():
        for number in range(20):
            held.append(number)
            yield number

    def work(number, place):
        if number == 0:
            gate.wait(10)
        else:
            gate.set()
        return number, place

    for number, place in shares.in_order(work, items(), ["a", "b", "c"]):
        most.append(len(held) - number)
        assert place == "abc"[number % 3]
    assert len(most) == 20 and max(most) <= 5


def test_what_fails_in_a_thread_is_raised():
    def work(number, place):
        assert number < 2, "third"
        return number

    with pytest.raises(AssertionError, match="third"):
        list(shares.in_order(work, range(9), "ab"))


def test_lines_bring_everything_back():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, (2, 5, 6)).astype(bool)
    image = ImageInstances(
        masks, np.array([0, 2]), np.array([False, True]), masks, np.array([1, 0]), rng.random(2)
    )
    counts = PanopticCounts(np.array([1]), np.array([1 / 3]), np.array([0, 2]), np.array([0, 0]))
    part = PhotoPart(0, np.array([2]), np.array([[1 / 3, 2.0, 3.0]]), float("nan"), lambda: masks)
    photo = WorstPhoto(
        "\udcff,", 0.1, rng.integers(0, 9, (2, 3, 3)).astype(np.uint8), *[masks[0]] * 2
    )
    states = {"semantic": np.eye(3, dtype=np.int64), "panoptic": counts}
    piece = Piece(
        number=12,
        images=3,
        rule="none",
        states=states | {"instance": Encoded.of(image)},
        names=("\udcff,",),
        parts={"semantic": (part,)},
        worst={4: photo},
    )
    line = piece.line()
    back = Piece.of_line(line)
    assert Piece.number_in(line) == 12 and b"\n" not in line
    assert back.states["instance"] == piece.states["instance"]
    np.testing.assert_equal(vars(back.states["panoptic"]), vars(counts))
    np.testing.assert_equal(back.states["semantic"], states["semantic"])
    np.testing.assert_equal(vars(back.worst[4]), vars(photo))
    plain, found = (vars(x).copy() for x in (part, back.parts["semantic"][0]))
    del plain["labels"], found["labels"]
    np.testing.assert_equal(found, plain)
    assert back.names == piece.names and back.line() == line


def test_parameters_that_training_spread_come_whole():
    mesh = jax.make_mesh((1,), ("data",))
    spread = jax.NamedSharding(mesh, jax.P("data"))
    params = {"a": jax.device_put(np.arange(4.0), spread), "b": np.ones(2)}
    for tree in shares.copies(params, jax.local_devices()[:1]):
        np.testing.assert_array_equal(tree["a"], np.arange(4.0))
        assert tree["b"].devices() == set(jax.local_devices()[:1])
