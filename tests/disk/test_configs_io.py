"""Configs as JSON: what goes in comes out, and mistakes are named."""

import dataclasses
import json

import pytest

from ovseg_jax.config import (
    ClipConfig,
    Config,
    ContrastiveConfig,
    EvaluationConfig,
    MaskAdapterConfig,
    MaskCroppingConfig,
    MaskPoolingConfig,
    ModelConfig,
)
from ovseg_jax.disk.configs_io import ConfigError, from_dict, read_json, to_dict

METHODS = [MaskPoolingConfig, MaskCroppingConfig, MaskAdapterConfig, ContrastiveConfig]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_survives_json(method):
    config = Config(model=ModelConfig(method=method()), evaluations=(EvaluationConfig(name="x"),))
    assert from_dict(Config, json.loads(json.dumps(to_dict(config)))) == config


def test_changed_values_of_every_type_survive():
    config = Config(num_steps=7, init_from="a", init_missing=("x", "y"))
    optimizer = dataclasses.replace(config.optimizer, peak_lr=1.0, schedule="poly", milestones=(3,))
    config = dataclasses.replace(config, optimizer=optimizer)
    assert from_dict(Config, to_dict(config)) == config


def test_absent_fields_take_their_defaults():
    assert from_dict(ClipConfig, {"compute_dtype": "bfloat16"}).variant == ClipConfig().variant


def test_whole_numbers_are_fine_where_floats_are_wanted():
    value = from_dict(Config, {"optimizer": {"peak_lr": 1}}).optimizer.peak_lr
    assert type(value) is float and value == 1.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"num_step": 3}, "config: Config has no field 'num_step'; did you mean 'num_steps'"),
        ({"zzz": 3}, "no field 'zzz'; known: model, data"),
        ({"optimizer": {"peaklr": 3}}, "config.optimizer: .* did you mean 'peak_lr'"),
        ({"optimizer": 3}, "config.optimizer: expected fields of OptimizerConfig, found 3"),
        ({"num_steps": "3"}, "config.num_steps: expected int, found '3'"),
        ({"num_steps": True}, "config.num_steps: expected int, found True"),
        ({"model": {"method": {"kind": "mask_poling"}}}, "config.model.method.kind: expected one"),
        ({"model": {"method": {}}}, "config.model.method.kind: expected one of .*mask_pooling"),
        ({"optimizer": {"schedule": "linear"}}, "optimizer.schedule: expected one of .*'cosine'"),
        ({"data": {"image_size": [3]}}, "config.data.image_size: expected 2 entries, found 1"),
        ({"init_missing": "x"}, "config.init_missing: expected a list, found 'x'"),
        ({"init_missing": ["a", 1]}, r"config.init_missing\[1\]: expected str, found 1"),
    ],
)
def test_mistakes_name_the_field_and_the_remedy(data, message):
    with pytest.raises(ConfigError, match=message):
        from_dict(Config, data)


def test_a_file_that_is_not_json_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="config.json is not JSON"):
        read_json(Config, tmp_path / "config.json")
