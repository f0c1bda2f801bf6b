"""Weights directories: round trips, whole or not at all, and errors that list everything."""

import errno
import json

import jax
import numpy as np
import pytest

from ovseg_jax.config import ClipConfig, MaskPoolingConfig, ModelConfig
from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation import trees
from ovseg_jax.loading import build, weights
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.loading.weights import (
    WeightsError,
    find_weights,
    fingerprint,
    load_weights,
    save_weights,
)

CONFIG = ModelConfig(clip=ClipConfig(variant="convnext_toy"), method=MaskPoolingConfig())


@pytest.fixture(scope="module")
def params():
    rng = np.random.default_rng(0)
    shapes = parameter_shapes(build.method(CONFIG))
    return jax.tree.map(lambda s: np.asarray(rng.standard_normal(s.shape), np.float32), shapes)


@pytest.mark.parametrize("layout", ["safetensors", "orbax"])
def test_what_is_saved_comes_back(tmp_path, params, layout):
    save_weights(tmp_path / "w", CONFIG, params, layout=layout)
    config, loaded = load_weights(tmp_path / "w")
    assert config == CONFIG
    jax.tree.map(np.testing.assert_array_equal, loaded, params)
    assert {leaf.dtype for leaf in jax.tree.leaves(loaded)} == {np.dtype("float32")}


def test_float16_halves_the_file_and_loads_as_float32(tmp_path, params):
    save_weights(tmp_path / "full", CONFIG, params)
    save_weights(tmp_path / "half", CONFIG, params, dtype="float16")
    full, half = (
        (tmp_path / name / "model.safetensors").stat().st_size for name in ("full", "half")
    )
    assert half < 0.51 * full
    _, loaded = load_weights(tmp_path / "half")
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-6), loaded, params
    )
    assert loaded["clip"]["logit_scale"].dtype == np.float32


def test_jax_arrays_can_be_saved(tmp_path, params):
    save_weights(tmp_path / "w", CONFIG, jax.tree.map(jax.numpy.asarray, params))
    assert fingerprint(load_weights(tmp_path / "w")[1]) == fingerprint(params)


def test_saving_again_replaces_the_older_weights(tmp_path, params):
    save_weights(tmp_path / "w", CONFIG, params, layout="orbax")
    save_weights(tmp_path / "w", CONFIG, jax.tree.map(np.zeros_like, params))
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    assert not (tmp_path / "w" / "params").exists()
    assert not trees.flatten(load_weights(tmp_path / "w")[1])["clip/text/projection/kernel"].any()


def test_a_folder_with_other_things_is_not_overwritten(tmp_path, params):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"x")
    with pytest.raises(OutputError, match=r"photos holds files that ovseg did not write \(cat.jpg"):
        save_weights(tmp_path / "photos", CONFIG, params, overwrite=True)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_a_full_disk_leaves_nothing_behind_and_keeps_the_old(tmp_path, params, monkeypatch):
    save_weights(tmp_path / "w", CONFIG, params)

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weights, "save_file", refuse)
    with pytest.raises(OutputError, match="w could not be written.*No space left.*MiB free"):
        save_weights(tmp_path / "w", CONFIG, jax.tree.map(np.zeros_like, params))
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    assert fingerprint(load_weights(tmp_path / "w")[1]) == fingerprint(params)


@pytest.mark.parametrize("layout", ["safetensors", "orbax"])
def test_missing_unexpected_and_misshapen_parameters_are_listed_together(tmp_path, params, layout):
    flat = trees.flatten(params)
    del flat["clip/visual/stem/norm/scale"]
    flat["clip/visual/stage9/kernel"] = np.zeros((2, 3), np.float32)
    flat["clip/text/final_norm/bias"] = np.zeros(5, np.float32)
    save_weights(tmp_path / "w", CONFIG, trees.unflatten(flat), layout=layout)
    with pytest.raises(trees.TreeError) as caught:
        load_weights(tmp_path / "w")
    for part in (
        "missing clip/visual/stem/norm/scale (32,)",
        "unexpected clip/visual/stage9/kernel (2, 3)",
        "shape of clip/text/final_norm/bias is (5,), the model expects (96,)",
    ):
        assert part in str(caught.value)
    assert load_weights(tmp_path / "w", check=False)


def test_the_weights_inside_a_run_are_found(tmp_path, params):
    save_weights(tmp_path / "run" / "weights", CONFIG, params)
    (tmp_path / "run" / "config.json").write_text("{}")
    assert find_weights(tmp_path / "run") == tmp_path / "run" / "weights"
    assert load_weights(tmp_path / "run")[0] == CONFIG


def test_missing_and_empty_folders_say_what_is_expected(tmp_path):
    with pytest.raises(WeightsError, match="nowhere does not exist"):
        load_weights(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match="holds no weights: expected config.json"):
        load_weights(tmp_path)


@pytest.mark.parametrize("layout", ["safetensors", "orbax"])
def test_damaged_arrays_are_named(tmp_path, params, layout):
    save_weights(tmp_path / "w", CONFIG, params, layout=layout)
    if layout == "safetensors":
        file = tmp_path / "w" / "model.safetensors"
        file.write_bytes(file.read_bytes()[:5000])
    else:
        for file in (tmp_path / "w" / "params").rglob("*"):
            if file.is_file():
                file.write_bytes(b"")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(tmp_path / "w")


def test_a_damaged_config_is_named(tmp_path, params):
    save_weights(tmp_path / "w", CONFIG, params)
    file = tmp_path / "w" / "config.json"
    file.write_text(file.read_text().replace('"templates"', '"template"'))
    with pytest.raises(ConfigError, match="config.json: .* 'template'; did you mean 'templates'"):
        load_weights(tmp_path / "w")


def test_the_report_travels_along(tmp_path, params):
    save_weights(tmp_path / "w", CONFIG, params, report={"source": "x"})
    assert json.loads((tmp_path / "w" / "report.json").read_text()) == {"source": "x"}


def test_the_fingerprint_sees_values_names_and_shapes():
    tree = {"a": {"b": np.zeros((2, 3), np.float32)}}
    others = [
        {"a": {"b": np.ones((2, 3), np.float32)}},
        {"a": {"c": np.zeros((2, 3), np.float32)}},
        {"a": {"b": np.zeros((3, 2), np.float32)}},
    ]
    assert fingerprint(tree) == fingerprint({"a": {"b": np.zeros((2, 3), np.float32)}})
    assert len({fingerprint(x) for x in [tree, *others]}) == 4
