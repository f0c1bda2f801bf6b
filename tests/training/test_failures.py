"""What a user sees when a run cannot start or cannot save."""

import dataclasses
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ovseg_jax.config import CheckpointConfig
from ovseg_jax.foundation import trees
from ovseg_jax.inputs.datasets import open_split
from ovseg_jax.loading import build
from ovseg_jax.loading.weights import load_weights, save_weights
from ovseg_jax.training import integrity, sharding, state
from ovseg_jax.training.export import export_weights
from ovseg_jax.training.health import DivergenceError
from ovseg_jax.training.loop import train
from ovseg_jax.training.record import RecordError

LIMIT = 100_000
"""Bytes after which the file system refuses to let a file grow, as a full disk does."""


def refuse_large_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


def test_a_full_disk_is_reported_and_the_run_goes_on_afterwards(prepared, tiny_config, tmp_path):
    open_split(tiny_config.data)  # prepared before the disk is full
    workdir = tmp_path / "run"
    options = {
        "--workdir": workdir,
        "--data.prepared": prepared,
        "--num-steps": 2,
        "--evaluations.0.data.prepared": prepared,
    }
    arguments = [str(part) for pair in options.items() for part in pair]
    command = [sys.executable, "train.py", "tests/training/tiny.py", *arguments]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    # Programs are taken from the cache and not put there: files that were cut would stay.
    alone = environment | {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1000000"}
    full = subprocess.run(
        command, env=alone, preexec_fn=refuse_large_files, capture_output=True, text=True
    )
    assert full.returncode == 2, full.stderr[-2000:]
    # Orbax's threads write their own tracebacks meanwhile, in the midst of other lines too.
    said = [line for line in full.stderr.splitlines() if "ovseg: error: " in line]
    assert len(said) == 1, full.stderr[-2000:]
    assert str(workdir) in said[0] and "MiB free" in said[0]
    assert not (workdir / "weights").exists()

    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr[-2000:]
    assert load_weights(workdir)


def test_a_run_of_another_model_is_not_continued(tiny_config, tmp_path):
    config = dataclasses.replace(tiny_config, num_steps=4)
    train(config, tmp_path)
    method = dataclasses.replace(config.model.method, width=32)
    model = dataclasses.replace(config.model, method=method)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(RecordError, match="model.method.width: 64 -> 32"):
        train(dataclasses.replace(config, model=model), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.slow
def test_a_run_that_leaves_the_finite_numbers_ends_soon_and_keeps_its_last_good_state(
    tiny_config, tmp_path
):
    optimizer = dataclasses.replace(tiny_config.optimizer, peak_lr=1e12, warmup_steps=2)
    config = dataclasses.replace(tiny_config, optimizer=optimizer, num_steps=40, log_every=1000)
    config = dataclasses.replace(config, checkpoint=CheckpointConfig(every_steps=1, keep=2))
    with pytest.raises(DivergenceError, match=r"step \d+ .*the gradient of adapter/") as caught:
        train(config, tmp_path)
    failed = int(re.search(r"step (\d+)", str(caught.value))[1])
    saved = integrity.saved_steps(tmp_path / "checkpoints")
    assert saved == [failed - 2, failed - 1], "the states before it, and none behind"
    assert not (tmp_path / "weights").exists()
    export_weights(tmp_path, tmp_path / "kept")
    kept = trees.flatten(load_weights(tmp_path / "kept")[1])
    assert all(np.isfinite(value).all() for value in kept.values())


@pytest.fixture
def weights(tiny_config, tmp_path):
    """Weights of the tiny model, as a directory and as {path: array}."""
    mesh = sharding.make_mesh(tiny_config.mesh)
    fresh, _ = state.create(tiny_config, build.method(tiny_config.model), mesh)
    return tmp_path / "weights", trees.flatten(jax.device_get(fresh.params))


def start_from(config, folder, flat, missing=()):
    save_weights(folder, config.model, trees.unflatten(flat))
    config = dataclasses.replace(config, init_from=str(folder), init_missing=missing, num_steps=4)
    return train(config, folder.parent / "run")


def test_missing_extra_and_misshapen_tensors_are_all_named(tiny_config, weights):
    folder, flat = weights
    paths = [path for path in flat if path.startswith("adapter/")]
    flat["adapter/strange/kernel"] = np.zeros((2, 3), np.float32)
    del flat[paths[0]]
    flat[paths[1]] = np.zeros((5, 7), np.float32)
    with pytest.raises(trees.TreeError) as caught:
        start_from(tiny_config, folder, flat)
    message = str(caught.value)
    assert f"missing {paths[0]}" in message
    assert "unexpected adapter/strange/kernel (2, 3)" in message
    assert f"shape of {paths[1]} is (5, 7)" in message
    assert str(folder) in message


def test_weights_of_clip_alone_start_a_method_on_top(tiny_config, weights):
    from ovseg_jax.config import ContrastiveConfig, NoGeneratorConfig

    folder, flat = weights
    clip = {path: value for path, value in flat.items() if path.startswith("clip/")}
    model = dataclasses.replace(
        tiny_config.model, method=ContrastiveConfig(), generator=NoGeneratorConfig()
    )
    save_weights(folder, model, trees.unflatten(clip))
    missing = (r"adapter/.*", r"void_embedding")
    config = dataclasses.replace(
        tiny_config, init_from=str(folder), init_missing=missing, num_steps=4
    )
    trained = trees.flatten(train(config, folder.parent / "run").params)
    for path, value in clip.items():
        np.testing.assert_array_equal(trained[path], value)


def test_a_pattern_that_matches_nothing_stops_the_run(tiny_config, tmp_path):
    optimizer = dataclasses.replace(tiny_config.optimizer, trainable=(r"adaptor/.*",))
    with pytest.raises(trees.TreeError, match="adaptor"):
        train(dataclasses.replace(tiny_config, optimizer=optimizer), tmp_path)


def test_results_of_a_run_are_readable_by_path_alone(tiny_config, tmp_path):
    train(dataclasses.replace(tiny_config, num_steps=4), tmp_path)
    stored, _ = load_weights(tmp_path)
    assert stored == tiny_config.model
    assert Path(tmp_path / "config.json").is_file()
