"""Runs that start from several weights directories, as Mask-Adapter's second phase does."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from ovseg_jax.cli.experiment import load_config, override
from ovseg_jax.config import MaskSourceConfig, NoGeneratorConfig
from ovseg_jax.foundation import trees
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.loading.weights import WeightsError, load_weights, save_weights
from ovseg_jax.training import sharding, state
from ovseg_jax.training.loop import train

GENERATOR = "ovseg_jax/assets/toy/fcclip"
CLIP = "ovseg_jax/assets/toy/clip_convnext_seed0"
PARTS = ((r"generator/.*|void_embedding", GENERATOR),)


def changed(config, *, generator, **method):
    """The tiny experiment with another method section; with or without the toy generator."""
    fields = {"has_void": True, "num_truth": 4, "num_matched": 2} | method
    model = dataclasses.replace(
        config.model,
        method=dataclasses.replace(config.model.method, **fields),
        generator=generator,
    )
    optimizer = dataclasses.replace(
        config.optimizer, trainable=(r"adapter/.*", r"void_embedding"), warmup_steps=0
    )
    return dataclasses.replace(config, model=model, optimizer=optimizer, num_steps=2)


@pytest.fixture(scope="module")
def warmup(tiny_config):
    """Phase 1: CLIP and adapter, no generator."""
    config = changed(tiny_config, generator=NoGeneratorConfig(), phase="warmup")
    fresh = (r"adapter/.*", r"void_embedding")
    return dataclasses.replace(config, init_from=CLIP, init_missing=fresh)


@pytest.fixture(scope="module")
def mixed(tiny_config):
    """Phase 2, its first source still to be named: predictions of the toy generator."""
    generator = load_weights(GENERATOR)[0].generator
    config = changed(tiny_config, generator=generator, phase="mixed", match_iou=0.1)
    return dataclasses.replace(
        config, masks=MaskSourceConfig(kind="generator"), init_parts=PARTS, init_missing=()
    )


@pytest.fixture(scope="module")
def first_run(warmup, tmp_path_factory):
    """A finished run of phase 1."""
    workdir = tmp_path_factory.mktemp("warmup")
    train(warmup, workdir)
    return workdir


def start(config):
    """The state of step 0."""
    mesh = sharding.make_mesh(config.mesh)
    return state.create(config, build.method(config.model), mesh)[0]


def test_the_second_phase_joins_the_adapter_with_generator_and_void(first_run, mixed):
    """What `weight_fuse_fcclip.py` does: the void row of phase 1 is thrown away."""
    learned = trees.flatten(load_weights(first_run)[1])
    borrowed = trees.flatten(load_weights(GENERATOR)[1])
    assert not np.allclose(learned["void_embedding"], borrowed["void_embedding"])
    config = dataclasses.replace(mixed, init_from=str(first_run))
    found = trees.flatten(jax.device_get(start(config).params))
    for path, value in found.items():
        theirs = path.startswith("generator/") or path == "void_embedding"
        np.testing.assert_array_equal(value, (borrowed if theirs else learned)[path], path)
    assert {path.split("/")[0] for path in found} == {
        *("adapter", "clip", "generator", "void_embedding")
    }


@pytest.mark.slow
def test_a_joined_model_trains_on_what_its_generator_predicts(first_run, mixed, tmp_path):
    config = dataclasses.replace(mixed, init_from=str(first_run))
    after = trees.flatten(jax.device_get(train(config, tmp_path).params))
    before = trees.flatten(jax.device_get(start(config).params))
    moved = {path.split("/")[0] for path in after if not np.array_equal(after[path], before[path])}
    assert moved == {"adapter", "void_embedding"}
    assert load_weights(tmp_path)[0] == config.model


def test_without_steps_weights_are_joined_and_no_training_data_is_needed(
    first_run, mixed, tmp_path
):
    data = dataclasses.replace(mixed.data, prepared=str(tmp_path / "empty"), name="coco_panoptic")
    optimizer = dataclasses.replace(mixed.optimizer, trainable=())
    changes = {"data": data, "optimizer": optimizer, "num_steps": 0}
    config = dataclasses.replace(mixed, init_from=str(first_run), **changes)
    train(config, tmp_path / "joined")
    found = trees.flatten(load_weights(tmp_path / "joined")[1])
    borrowed = trees.flatten(load_weights(GENERATOR)[1])
    np.testing.assert_array_equal(found["void_embedding"], borrowed["void_embedding"])
    assert not (tmp_path / "empty").exists()


def test_parts_are_given_on_the_command_line(mixed):
    base = load_config(Path("configs/toy/mask_adapter.py"))
    options = ["--init-from", "runs/a", "--init-parts", "generator/.*", "b", "void_embedding", "c"]
    config = override(base, options, "train")
    assert config.init_from == "runs/a"
    assert config.init_parts == (("generator/.*", "b"), ("void_embedding", "c"))
    assert override(mixed, ["--init-from", "runs/b"], "train").init_parts == PARTS


def test_the_first_pattern_wins_and_sources_may_come_twice(first_run, mixed):
    parts = ((r"void_embedding", str(first_run)), (r"(generator|clip)/.*|void.*", GENERATOR))
    config = dataclasses.replace(mixed, init_from=str(first_run), init_parts=parts)
    found = start(config).params
    learned, borrowed = load_weights(first_run)[1], load_weights(GENERATOR)[1]
    np.testing.assert_array_equal(found["void_embedding"], learned["void_embedding"])
    np.testing.assert_array_equal(
        found["clip"]["logit_scale"], np.float32(borrowed["clip"]["logit_scale"])
    )


def test_without_a_first_source_the_rest_has_to_be_allowed_to_be_fresh(mixed):
    parts = ((r"(clip|generator)/.*|void_embedding", GENERATOR),)
    config = dataclasses.replace(mixed, init_from="", init_parts=parts)
    with pytest.raises(trees.TreeError, match=r"init_from \(empty\)(.|\n)*missing adapter/fuse"):
        start(config)
    found = start(dataclasses.replace(config, init_missing=(r"adapter/.*",)))
    assert np.abs(found.params["adapter"]["fuse"]["kernel"]).max() > 0


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"init_parts": ((r"generatr/.*", GENERATOR),)},
            trees.TreeError,
            rf"decide no parameter(.|\n)*'generatr/\.\*', to be taken from {GENERATOR}",
        ),
        (
            {"init_parts": (*PARTS, (r"void_embedding", CLIP))},
            trees.TreeError,
            rf"'void_embedding', to be taken from {CLIP}",
        ),
        (
            {"init_parts": ((r"generator/.*", CLIP), *PARTS)},
            trees.TreeError,
            f"{CLIP} gives no parameter",
        ),
        (
            {"init_parts": ((r"adapter/.*", GENERATOR), *PARTS)},
            trees.TreeError,
            f"{GENERATOR} does not fit the model(.|\n)*missing adapter/fuse/bias",
        ),
        (
            {"init_parts": ((r".*", GENERATOR),), "init_missing": (r"adapter/.*",)},
            trees.TreeError,
            "gives no parameter of the model: leave it out",
        ),
        (
            {"init_parts": ((r"generator/.*", "nowhere"),)},
            WeightsError,
            "nowhere does not exist",
        ),
    ],
    ids=["misspelt", "shadowed", "useless", "incomplete", "idle base", "no directory"],
)
def test_sources_that_do_not_fit_are_named(first_run, mixed, changes, error, message):
    config = dataclasses.replace(mixed, init_from=str(first_run), **changes)
    with pytest.raises(error, match=message):
        start(config)


def test_what_a_source_has_and_the_model_has_not_is_named(first_run, mixed, tmp_path):
    """A generator of more layers than the model wants is not cut in silence."""
    model, params = load_weights(GENERATOR)
    deeper = dataclasses.replace(model.generator, decoder_layers=5)
    model = dataclasses.replace(model, generator=deeper)
    shapes = trees.flatten(parameter_shapes(build.method(model)))
    held = trees.flatten(params)
    flat = {path: held.get(path, np.zeros(leaf.shape)) for path, leaf in shapes.items()}
    save_weights(tmp_path / "deeper", model, trees.unflatten(flat))
    parts = ((r"generator/.*|void_embedding", str(tmp_path / "deeper")),)
    config = dataclasses.replace(mixed, init_from=str(first_run), init_parts=parts)
    with pytest.raises(trees.TreeError, match=r"deeper does not fit(.|\n)*unexpected generator/d"):
        start(config)
