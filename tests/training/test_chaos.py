"""A run that is killed again and again, and damaged, ends with the bits of an undisturbed one."""

import dataclasses
import random
import shutil
import signal

import chaos
import numpy as np
import pytest

from ovseg_jax.config import CheckpointConfig
from ovseg_jax.foundation import trees
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.training import integrity

KILLS, STEPS = 30, 40
STATUS = {signal.SIGKILL: -9, signal.SIGTERM: 75, signal.SIGINT: 130}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def config(tiny_config):
    """Many steps and many saves in a few seconds."""
    return dataclasses.replace(
        tiny_config,
        data=dataclasses.replace(tiny_config.data, batch_size=2),
        num_steps=STEPS,
        checkpoint=CheckpointConfig(every_steps=2, keep=3),
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Compiled programs, which all processes share: the same program, the same bits."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def undisturbed(config, cache, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    process = chaos.start(config, workdir, cache)
    process.join(400)
    assert process.exitcode == 0, said(workdir)
    return trees.flatten(load_weights(workdir)[1])


def said(workdir):
    return workdir.with_suffix(".log").read_text(errors="replace")[-3000:]


def assert_same_bits(workdir, undisturbed):
    found = trees.flatten(load_weights(workdir)[1])
    assert found.keys() == undisturbed.keys()
    for path, value in undisturbed.items():
        np.testing.assert_array_equal(found[path], value, err_msg=path)


def newest(workdir):
    return max(integrity.saved_steps(workdir / "checkpoints"), default=0)


def saving(workdir):
    return any((workdir / "checkpoints").glob(f"*{integrity.UNFINISHED}*"))


def strike(process, workdir, number, dice):
    """Ends a run at a random moment: in its start, in a save, between steps, or at its end."""
    begun, ahead = newest(workdir), dice.randint(0, 8)
    place = dice.choice(("start", "save", "save", "steps", "steps", "end"))
    if place == "start":
        process.join(dice.uniform(0, 6))
    elif place == "save":
        chaos.wait_until(process, lambda: newest(workdir) >= begun + ahead and saving(workdir))
        process.join(dice.uniform(0, 0.03))
    elif place == "end":  # while the weights are written
        chaos.wait_until(process, lambda: newest(workdir) == STEPS)
        process.join(dice.uniform(0, 0.3))
    else:
        chaos.wait_until(process, lambda: newest(workdir) > begun + ahead)
        process.join(dice.uniform(0, 0.6))
    return chaos.send(process, number)


def test_thirty_kills_at_random_moments_change_no_bit(config, cache, undisturbed, tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown where the test fails
    dice, kills, runs, in_saves = random.Random(seed), 0, 0, 0
    while kills < KILLS:
        runs += 1
        workdir = tmp_path / f"run{runs}"
        while kills < KILLS and not (workdir / "weights").exists():
            number = dice.choice(tuple(STATUS))
            status = strike(chaos.start(config, workdir, cache), workdir, number, dice)
            # 0: it was done before the signal came; a signal in its first instant ends it as such.
            assert status in (STATUS[number], -number, 0), (seed, number, said(workdir))
            kills += status != 0
            in_saves += saving(workdir)
        last = chaos.start(config, workdir, cache)
        last.join(400)
        assert last.exitcode == 0, (seed, said(workdir))
        assert "damaged" not in said(workdir), "a kill damages nothing that is finished"
        assert_same_bits(workdir, undisturbed)
    assert in_saves, "no kill fell into a save"


def largest_file(folder):
    return max(folder.rglob("*"), key=lambda path: path.is_file() and path.stat().st_size)


def truncate(folder):
    path = largest_file(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def delete(folder):
    largest_file(folder).unlink()


def alter(folder):
    path = largest_file(folder)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(255 - byte for byte in content[middle : middle + 64])
    path.write_bytes(content)


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def forget_hashes(folder):
    (folder / integrity.HASHES).unlink()


@pytest.fixture(scope="module")
def stopped(config, cache, undisturbed, tmp_path_factory):
    """A run that was stopped half-way."""
    workdir = tmp_path_factory.mktemp("stopped") / "run"
    process = chaos.start(config, workdir, cache)
    assert chaos.wait_until(process, lambda: newest(workdir) >= 6), said(workdir)
    assert chaos.send(process, signal.SIGTERM) == 75
    return workdir


@pytest.mark.parametrize("harm", [truncate, delete, alter, empty, forget_hashes])
def test_a_damaged_checkpoint_costs_steps_and_no_bits(
    config, cache, stopped, undisturbed, harm, tmp_path
):
    workdir = tmp_path / "run"
    shutil.copytree(stopped, workdir)
    step = newest(workdir)
    harm(workdir / "checkpoints" / str(step))
    process = chaos.start(config, workdir, cache)
    process.join(400)
    assert process.exitcode == 0, said(workdir)
    assert f"checkpoint {step} is damaged" in said(workdir)
    assert "goes on from step" in said(workdir)
    assert (workdir / "checkpoints" / f"damaged-{step}").is_dir()
    assert_same_bits(workdir, undisturbed)
