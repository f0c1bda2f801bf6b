"""MAFT+'s published recipe on the toy tower: what one step changes, and what a run leaves."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import CheckpointConfig, ClipConfig
from ovseg_jax.foundation import trees
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.training import sharding, state, step
from ovseg_jax.training.loop import train
from ovseg_jax.vocabulary.classes import load_preset

CLIP = "ovseg_jax/assets/toy/clip_convnext_seed0"
PUBLISHED = load_config(Path("configs/maft_plus/convnext_base.py"))


@pytest.fixture(scope="module")
def config(tiny_config):
    """The published experiment; only model sizes, data, and lengths are the toy world's."""
    generator = dataclasses.replace(
        PUBLISHED.model.generator,
        num_queries=16,
        width=16,
        mask_width=16,
        heads=2,
        levels=1,
        encoder_layers=1,
        encoder_hidden=16,
        decoder_layers=2,
        decoder_hidden=16,
    )
    method = dataclasses.replace(
        PUBLISHED.model.method, transfer_heads=2, num_points=64, num_truth=12
    )
    model = dataclasses.replace(
        PUBLISHED.model,
        clip=ClipConfig(variant="convnext_toy_128"),
        generator=generator,
        method=method,
        templates="single",
        train_vocabulary="toy_world48",
    )
    return dataclasses.replace(
        PUBLISHED,
        model=model,
        data=tiny_config.data,
        evaluations=(),
        num_steps=2,
        log_every=1,
        checkpoint=CheckpointConfig(every_steps=1, keep=1),
        init_from=CLIP,
    )


@pytest.mark.slow
def test_one_step_changes_what_should_train_to_the_bit(config):
    mesh = sharding.make_mesh(config.mesh)
    method = build.method(config.model)
    current, tx = state.create(config, method, mesh)
    before = {path: np.array(leaf) for path, leaf in trees.flatten(current.params).items()}
    stored = trees.flatten(load_weights(CLIP)[1])
    for path, value in before.items():  # both towers and the teacher start from the weights
        original = path.replace("teacher/", "clip/visual/", 1)
        if original in stored:
            np.testing.assert_array_equal(value, stored[original])
    stream = train_stream(config.data, 0, sharding=sharding.batch_sharding(mesh))
    words = load_preset("toy_world48")
    text = embed_vocabulary(config.model, method, current.params, words)
    raw = step.make_step(method, build.mask_source(config.masks), tx, config.seed)
    after, metrics = jax.jit(raw)(current, next(stream), text)
    stream.close()
    assert np.isfinite(float(metrics["loss"])) and float(metrics["compensation_loss"]) == 0.0
    now = trees.flatten(after.params)
    changed = {path for path in before if not np.array_equal(before[path], np.asarray(now[path]))}
    should = {
        path
        for path in before
        if path.startswith(("generator/", "transfer/", "clip/visual/st"))
        or path == "void_embedding"
    }
    assert {path.split("/")[0] for path in should} == {
        *("generator", "transfer", "clip", "void_embedding")
    }
    assert changed <= should
    assert len(changed) > 0.95 * len(should)  # those left have no gradient, as unused positions
    for part in ("stem", "stage0", "stage1"):
        assert any(path.startswith(f"clip/visual/{part}/") for path in changed)


@pytest.mark.slow
def test_a_run_stops_goes_on_and_leaves_weights_that_answer_without_a_teacher(config, tmp_path):
    half = dataclasses.replace(config, num_steps=1)
    train(half, tmp_path / "half")
    model, params = load_weights(tmp_path / "half")
    assert "teacher" not in params and model.method.compensation_weight == 0.0
    assert "transfer" in params and "generator" in params
    whole = train(config, tmp_path / "whole")
    start = trees.flatten(load_weights(CLIP)[1])
    for path, value in trees.flatten(whole.params["teacher"]).items():
        np.testing.assert_array_equal(np.asarray(value), start[f"clip/visual/{path}"])
    follow = dataclasses.replace(config, init_from=str(tmp_path / "whole"), init_missing=())
    method = build.method(follow.model)
    again, _ = state.create(follow, method, sharding.make_mesh(follow.mesh))
    for path, value in trees.flatten(again.params["teacher"]).items():
        tuned = trees.flatten(again.params)[f"clip/visual/{path}"]
        np.testing.assert_array_equal(np.asarray(value), np.asarray(tuned))
