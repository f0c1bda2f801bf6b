"""What is wrong with an experiment is told at once, before anything is compiled or written."""

import dataclasses
import re

import jax
import pytest

from ovseg_jax.config import Config, DataConfig, EvaluationConfig, MaskSourceConfig, MeshConfig
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation.trees import TreeError
from ovseg_jax.inputs.datasets import DataError
from ovseg_jax.loading.weights import WeightsError
from ovseg_jax.training import preflight
from ovseg_jax.training.loop import train
from ovseg_jax.training.problems import PreflightError


def changed(config: Config, section: str, /, **fields) -> Config:
    part = dataclasses.replace(getattr(config, section), **fields)
    return dataclasses.replace(config, **{section: part})


@pytest.fixture
def refused(tiny_config, tmp_path, monkeypatch):
    """Trains with a change and returns the refusal; nothing may be compiled or written."""

    def compiled(*arguments, **options):
        raise AssertionError("something was compiled before it was checked")

    def run(change, kind=Exception):
        config = change(tiny_config)
        monkeypatch.setattr("ovseg_jax.training.state.create", compiled)
        with pytest.raises(kind) as caught:
            train(config, tmp_path / "run")
        assert not (tmp_path / "run").exists()
        return str(caught.value)

    return run


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda c: changed(c, "data", name="toy_wrld"), DataError, "perhaps you meant 'toy_world'"),
        (lambda c: changed(c, "data", root="/nonexistent"), DataError, "no folder /nonexistent"),
        (lambda c: changed(c, "data", config="ful"), DataError, "no config 'ful'; known: full, "),
        (lambda c: changed(c, "data", split="trian"), DataError, "known: .*train"),
        (lambda c: changed(c, "data", vocabulary="/no.txt"), Exception, "/no.txt: no such class"),
        (lambda c: changed(c, "data", vocabulary="ade150"), DataError, "lacks, or has twice, "),
        (
            lambda c: changed(c, "data", image_size=(96, 97)),
            DataError,
            "96 x 97; .* of 8",
        ),
        (lambda c: changed(c, "data", classes=("ufo",)), DataError, r"\['ufo'\] are not in"),
        (
            lambda c: changed(c, "data", others="unnamed", classes=("ball",)),
            ConfigError,
            "'mask_adapter' cannot learn from masks without names",
        ),
        (
            lambda c: dataclasses.replace(c, mesh=MeshConfig(data=8)),
            ConfigError,
            "does not fill what JAX finds here, [0-9]+ cpu device.*set one axis to -1",
        ),
        (
            lambda c: dataclasses.replace(c, mesh=MeshConfig(masks=jax.device_count() + 1)),
            PreflightError,
            "mesh.masks is [0-9]+, but method 'mask_adapter' does not encode its masks one by one",
        ),
        (
            lambda c: dataclasses.replace(c, mesh=MeshConfig(fsdp=0)),
            ConfigError,
            "mesh: data=-1 x fsdp=0; give 1 or more, for data or fsdp -1",
        ),
        (
            lambda c: changed(c, "data", batch_size=8 * jax.device_count() + 1),
            DataError,
            "images do not divide",
        ),
        (
            lambda c: dataclasses.replace(c, init_from="/no/weights"),
            WeightsError,
            "/no/weights does not exist",
        ),
        (
            lambda c: dataclasses.replace(c, init_from="ovseg_jax/assets/toy/clip_convnext_seed0"),
            TreeError,
            "does not fit the model:\n  missing ",
        ),
        (
            lambda c: changed(c, "optimizer", trainable=("adaptor/.*",)),
            TreeError,
            "adaptor",
        ),
        (
            lambda c: dataclasses.replace(c, masks=MaskSourceConfig(kind="model", path="x")),
            ConfigError,
            "serves evaluations only",
        ),
    ],
)
def test_a_mistake_is_refused_before_anything_is_compiled_or_written(
    refused, change, kind, message
):
    if message.startswith("images do not") and jax.device_count() == 1:
        pytest.skip("every batch divides over one device")
    assert re.search(message, refused(change, kind))


def test_all_mistakes_are_told_at_once(refused):
    item = EvaluationConfig(
        name="mine",
        data=DataConfig(name="cocoo", vocabulary="ade15"),
        masks=MaskSourceConfig(kind="model", path="/no/generator"),
    )

    def change(config):
        config = changed(config, "data", root="/nonexistent")
        return dataclasses.replace(
            config, mesh=MeshConfig(data=8), init_from="/no/weights", evaluations=(item,)
        )

    message = refused(change, PreflightError)
    assert message.startswith("this cannot run:\n")
    for part in (
        "mesh: data=8",
        "data.root: there is no folder /nonexistent",
        "/no/weights does not exist",
        "evaluation 'mine': data.name: there is no data set 'cocoo'",
        "evaluation 'mine': ade15: no such class file",
        "evaluation 'mine': masks.path: /no/generator does not exist",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("section", "field", "value", "message"),
    [
        ("", "num_steps", -3, "num_steps is -3; give 0 or more"),
        ("", "log_every", 0, "log_every is 0; give a number above 0"),
        ("checkpoint", "every_steps", 0, "checkpoint.every_steps is 0; "),
        ("checkpoint", "keep", 0, "checkpoint.keep is 0; "),
        ("data", "batch_size", 0, "data.batch_size is 0; "),
        ("data", "max_segments", 0, "data.max_segments is 0; "),
        ("data", "image_size", (96, 0), "data.image_size is 96 x 0; "),
        (
            "optimizer",
            "peak_lr",
            float("nan"),
            "optimizer.peak_lr is nan; give a finite number above 0",
        ),
        ("optimizer", "beta2", 1.0, "optimizer.beta2 is 1.0; give 0 or more, below 1"),
    ],
)
def test_a_number_out_of_range_is_refused_by_its_field(refused, section, field, value, message):
    def change(config):
        if section:
            return changed(config, section, **{field: value})
        return dataclasses.replace(config, **{field: value})

    assert message in refused(change, ConfigError)


def test_numbers_of_an_evaluation_are_checked_too(tiny_config):
    data = dataclasses.replace(tiny_config.data, batch_size=0)
    item = EvaluationConfig(name="val", data=data, max_images=-1)
    with pytest.raises(PreflightError) as caught:
        preflight.check_evaluations([item], tiny_config.model)
    assert "evaluation 'val': data.batch_size is 0; " in str(caught.value)
    assert "evaluation 'val': max_images is -1; give 0 or more" in str(caught.value)


def test_an_evaluation_whose_vocabulary_is_too_short_is_refused(tiny_config, tmp_path):
    (tmp_path / "few.txt").write_text("ball\nclock\ngrass\n")
    data = dataclasses.replace(tiny_config.data, vocabulary=str(tmp_path / "few.txt"))
    item = EvaluationConfig(name="short", data=data)
    with pytest.raises(PreflightError, match="evaluation 'short': .*lacks.* wheel, "):
        preflight.check_evaluations([item], tiny_config.model)


def test_the_frame_of_an_evaluation_holds_whole_cells(tiny_config):
    data = dataclasses.replace(tiny_config.data, image_size=(97, 96))
    item = EvaluationConfig(name="val", data=data)
    with pytest.raises(DataError, match="evaluation 'val': data.image_size is 97 x 96; "):
        preflight.check_evaluations([item], tiny_config.model)
    preflight.check_evaluations([dataclasses.replace(item, protocol="photo")], tiny_config.model)


def test_a_bad_template_does_not_hide_missing_weights(refused):
    def change(config):
        return dataclasses.replace(changed(config, "model", templates="x"), init_from="/no/weights")

    message = refused(change, PreflightError)
    assert "'x'" in message and "/no/weights does not exist" in message


def test_an_experiment_that_is_in_order_passes(tiny_config):
    item = EvaluationConfig(name="fine", data=tiny_config.data)
    preflight.check_training(dataclasses.replace(tiny_config, evaluations=(item,)))
    preflight.check_training(dataclasses.replace(tiny_config, init_from="", evaluations=()))
