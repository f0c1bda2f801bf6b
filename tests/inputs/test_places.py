"""What relative paths of an experiment start from, and what is no path at all."""

import dataclasses

import pytest

from ovseg_jax.config import Config, DataConfig, EvaluationConfig, MaskSourceConfig
from ovseg_jax.inputs.places import PlaceError, beside_file, from_here, local

ASSET = "ovseg_jax/assets/toy/fcclip"


def experiment(path, asset=ASSET):
    """An experiment with the same relative path in every kind of field."""
    data = DataConfig(root=path, prepared=path, vocabulary=path)
    item = EvaluationConfig(data=data, masks=MaskSourceConfig(kind="model", path=path))
    toy = dataclasses.replace(item, masks=MaskSourceConfig(kind="model", path="toy"))
    return Config(
        data=dataclasses.replace(data, vocabulary="ade150"),
        evaluations=(item, toy),
        init_from=asset,
        init_parts=((".*", path),),
    )


def paths(config):
    first, second = config.evaluations
    assert config.init_from == ASSET and config.data.vocabulary == "ade150"
    assert second.masks.path == "toy" and not config.model.train_vocabulary
    found = {config.data.root, config.data.prepared, config.init_parts[0][1], first.masks.path}
    (path,) = found | {first.data.vocabulary, first.data.root}
    return path


def test_paths_start_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert paths(from_here(experiment("a/../b"))) == str(tmp_path / "b")
    assert paths(from_here(experiment("/a"))) == "/a"
    assert from_here(from_here(experiment("x"))) == from_here(experiment("x"))


def test_paths_of_a_file_start_from_its_folder_where_they_lead_somewhere(tmp_path):
    (tmp_path / "there").mkdir()
    assert paths(beside_file(experiment("there"), tmp_path)) == str(tmp_path / "there")
    assert paths(beside_file(experiment("elsewhere"), tmp_path)) == "elsewhere"


@pytest.mark.parametrize("path", ["gs://bucket/run", "s3://b", "https://a.b/c", "gs:/bucket/run"])
def test_addresses_are_refused_with_the_field(path):
    config = dataclasses.replace(Config(), data=DataConfig(root=path))
    with pytest.raises(PlaceError, match=f"data.root {path}: addresses are not"):
        from_here(config)
    with pytest.raises(PlaceError):
        local(path)


@pytest.mark.parametrize("path", ["C:/runs", "a:b/c", "runs/a", "/runs", "x://"[:1]])
def test_paths_are_no_addresses(path):
    assert str(local(path)) == path


def test_weights_may_have_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []

    def fetched(name):
        asked.append(name)
        return tmp_path / "cache" / name.removeprefix("hf:")

    config = dataclasses.replace(experiment("hf:me/mine"), init_from="fcclip_large")
    found = from_here(config, fetched)
    mine = str(tmp_path / "cache" / "me" / "mine")
    assert found.init_from == str(tmp_path / "cache" / "fcclip_large")
    assert found.init_parts == ((".*", mine),) and found.evaluations[0].masks.path == mine
    assert found.data.root == str(tmp_path / "hf:me" / "mine"), "which is no weights directory"
    assert set(asked) == {"fcclip_large", "hf:me/mine"}, "nothing is asked for the toy and assets"
