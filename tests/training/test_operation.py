"""A run as it is watched: its lines, its clock, a trace, and nothing moved behind its back."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from ovseg_jax.config import StepConfig
from ovseg_jax.foundation import devices
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.training import preflight, sharding, state, step
from ovseg_jax.training.goodput import PHASES
from ovseg_jax.training.loop import train


def with_step(config, **settings):
    return dataclasses.replace(config, step=StepConfig(**settings))


def noise(config):
    data = dataclasses.replace(config.data, name="synthetic", batch_size=4)
    return dataclasses.replace(config, data=data, num_steps=12, log_every=12)


@pytest.fixture(scope="module")
def run(tiny_config, tmp_path_factory):
    """Twelve steps on noise, in parts, with everything that watches."""
    workdir, captured = tmp_path_factory.mktemp("watched"), pytest.MonkeyPatch()
    said = []
    captured.setattr("builtins.print", lambda *text, **_: said.append(" ".join(map(str, text))))
    config = with_step(
        noise(tiny_config), accumulate=2, transfer_guard="disallow", watchdog_seconds=600
    )
    with captured.context(), pytest.warns(OvsegWarning, match="synthetic"):
        final = train(config, workdir, profile=range(5, 7))
    captured.undo()
    return workdir, final, said


@pytest.mark.slow
def test_a_run_on_noise_in_parts_moves_nothing_behind_its_back(run):
    """It would have ended: the guard forbids what a step does not say."""
    _, final, _ = run
    assert int(final.step) == 12


@pytest.mark.slow
def test_its_lines_tell_how_fast_it_is(run):
    _, _, said = run
    (line,) = [text for text in said if text.startswith("step 12/12 ")]
    speed = {"seconds_per_step", "images_per_second", "input_wait", "tflops_per_device"}
    assert {"loss"} | speed <= set(line.split())
    assert " mfu " not in line, "nobody knows the peak of this CPU"
    assert "where the time of 1 launch went (12 steps)" in "\n".join(said)


@pytest.mark.slow
def test_it_leaves_its_clock_and_its_trace(run):
    workdir, _, _ = run
    (launch,) = json.loads((workdir / "goodput.json").read_text())["launches"]
    assert (launch["first"], launch["last"], launch["lost_steps"]) == (0, 12, 0)
    assert all(launch["seconds"][name] > 0 for name in set(PHASES) - {"evaluation"})
    assert list((workdir / "profile").rglob("*.xplane.pb"))


def test_the_guard_forbids_what_a_step_does_not_say():
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match="[Dd]isallowed"):
        jax.jit(lambda x: x + 1)(np.ones(3))


@pytest.fixture(scope="module")
def traced(tiny_config):
    """The step in bfloat16, compiled, with what it takes."""
    clip = dataclasses.replace(tiny_config.model.clip, compute_dtype="bfloat16")
    model = dataclasses.replace(tiny_config.model, clip=clip)
    config = dataclasses.replace(noise(tiny_config), model=model)
    mesh, method = sharding.make_mesh(config.mesh), build.method(model)
    current, tx = state.create(config, method, mesh)
    words = embed_vocabulary(model, method, current.params, class_list(config.data))
    with pytest.warns(OvsegWarning, match="synthetic"):
        batch = next(train_stream(config.data, 0, sharding=sharding.batch_sharding(mesh)))
    raw = step.make_step(method, build.mask_source(config.masks), tx, 0)
    return step.trace_step(raw, current, batch, words).lower(), current, batch, words


def test_the_old_state_gives_its_memory_to_the_new_one(traced):
    lowered, current, batch, words = traced
    compiled = lowered.compile({"xla_backend_optimization_level": 0})
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(current))
    assert compiled.memory_analysis().alias_size_in_bytes >= size
    mine = jax.tree.map(jax.numpy.copy, current)
    after, metrics = compiled(mine, batch, words)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(mine))
    assert np.isfinite(metrics["loss"])
    assert {leaf.dtype.name for leaf in jax.tree.leaves(after.trainable)} == {"float32"}
    assert {leaf.dtype.name for leaf in jax.tree.leaves(after.optimizer)} <= {"float32", "int32"}


def test_activations_are_bfloat16_and_masters_float32(traced):
    text = traced[0].as_text()
    products = [line for line in text.splitlines() if "stablehlo.dot_general" in line]
    assert sum("xbf16>" in line for line in products) >= 20
    own = [line for line in products if "xbf16>" not in line]
    assert own, "norms, and what is compared with words, are float32"


def test_the_platform_decides_the_type_unless_the_config_does(monkeypatch):
    assert devices.compute_dtype("auto") == "float32"
    monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
    assert devices.compute_dtype("auto") == "bfloat16"
    assert devices.compute_dtype("float32") == "float32"


@pytest.mark.parametrize(
    "parts, images, match",
    [(3, 8, "8 images .* do not divide into 3 parts"), (0, 8, "step.accumulate is 0")],
)
def test_parts_that_a_batch_does_not_have_are_refused(tiny_config, parts, images, match):
    config = with_step(noise(tiny_config), accumulate=parts)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, batch_size=images))
    with pytest.raises(ValueError, match=match):
        preflight.check_training(config)


def test_a_loss_over_pairs_of_images_is_not_taken_in_parts(tiny_config):
    from configs.toy import clip_convnext

    config = with_step(clip_convnext.get_config(), accumulate=2)
    data = dataclasses.replace(config.data, name="synthetic")
    config = dataclasses.replace(config, data=data, evaluations=())
    with pytest.raises(ValueError, match="'contrastive' compares the images of a batch"):
        preflight.check_training(config)


@pytest.mark.parametrize("best", ["val/semantic/mIoU", "validation/semantic/mIoU", "semantic"])
def test_a_score_that_no_evaluation_gives_is_refused(tiny_config, best):
    checkpoint = dataclasses.replace(tiny_config.checkpoint, best=best)
    config = dataclasses.replace(noise(tiny_config), checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"checkpoint\.best is .*EVALUATION/METRIC/SCORE"):
        preflight.check_training(config)
