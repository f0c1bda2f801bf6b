"""Checkpoints in several files: whole, or an error that names what is missing."""

import json

import numpy as np
import pytest
import torch_files
from open_clip_files import random, toy_clip
from safetensors.numpy import save_file

from ovseg_jax.convert.conversion import convert_file
from ovseg_jax.convert.reading.checkpoint_file import file_hash, read_checkpoint
from ovseg_jax.convert.reading.torch_zip import ReadError
from ovseg_jax.loading.weights import load_weights

INDEX = "model.safetensors.index.json"
TENSORS = {name: np.full(3, value, np.float32) for value, name in enumerate("abcd")}


def write(folder, tensors=TENSORS, suffix="safetensors", **changes):
    """Writes tensors in two shards and an index; `changes` replace entries of its map."""
    folder.mkdir(exist_ok=True)
    names, table = list(tensors), {}
    for number, part in enumerate((names[::2], names[1::2])):
        shard = f"model-{number + 1:05}-of-00002.{suffix}"
        content = {name: tensors[name] for name in part}
        (save_file if suffix == "safetensors" else save_torch)(content, folder / shard)
        table |= dict.fromkeys(part, shard)
    index = INDEX if suffix == "safetensors" else "pytorch_model.bin.index.json"
    content = {"metadata": {"total_size": 1}, "weight_map": table | changes}
    (folder / index).write_text(json.dumps(content))
    return folder / index


def save_torch(content, path):
    torch_files.save(path, content)


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_the_index_or_its_folder_gives_all_tensors(tmp_path, suffix):
    index = write(tmp_path / "model", suffix=suffix)
    for source in (index, index.parent):
        found = read_checkpoint(source)
        assert sorted(found.tensors) == list(TENSORS) and len(found.files) == 3
        for name, value in TENSORS.items():
            np.testing.assert_array_equal(found.tensors[name], value)


def test_a_sharded_file_converts_to_the_same_weights_and_reports_its_shards(tmp_path):
    tensors = random(toy_clip())
    index = write(tmp_path / "model", tensors)
    save_file(tensors, tmp_path / "whole.safetensors")
    convert_file("open_clip", index.parent, tmp_path / "a")
    convert_file("open_clip", tmp_path / "whole.safetensors", tmp_path / "b")
    one, two = load_weights(tmp_path / "a")[1], load_weights(tmp_path / "b")[1]
    np.testing.assert_array_equal(
        one["clip"]["text"]["token_embedding"], two["clip"]["text"]["token_embedding"]
    )
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    shard = "model-00001-of-00002.safetensors"
    assert report["source"] == INDEX
    assert report["shards"][shard] == file_hash(tmp_path / "model" / shard)


def test_a_missing_shard_is_named(tmp_path):
    index = write(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ReadError, match="1 are missing: model-00002-of-00002.safetensors"):
        read_checkpoint(index)


def test_tensors_that_only_one_side_knows_are_named(tmp_path):
    index = write(tmp_path, z="model-00001-of-00002.safetensors")
    with pytest.raises(ReadError, match="z is not in model-00001-of-00002.safetensors"):
        read_checkpoint(index)
    content = json.loads(index.read_text())
    del content["weight_map"]["z"], content["weight_map"]["b"]
    index.write_text(json.dumps(content))
    with pytest.raises(ReadError, match="b is in a shard but not in the index"):
        read_checkpoint(index)


@pytest.mark.parametrize(
    "shard", ["../secret.safetensors", "/etc/passwd", "a/../../b", "c:\\x", 3, None, ["a"], ""]
)
def test_shards_outside_the_folder_are_refused(tmp_path, shard):
    save_file(TENSORS, tmp_path / "secret.safetensors")
    index = write(tmp_path / "model", z=shard)
    with pytest.raises(ReadError, match="outside its folder"):
        read_checkpoint(index)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no weight_map"),
        ('{"weight_map": []}', "no weight_map"),
        ('{"weight_map": {"a": "x", "a": "y"}}', "'a' stands twice"),
        ('{"weight_map": ' + "[" * 5000 + "]" * 5000 + "}", "nested too deeply"),
        ('{"weight_map": ', "not JSON"),
    ],
)
def test_an_index_that_is_none_is_named(tmp_path, text, message):
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(ReadError, match=f"{INDEX}.*{message}"):
        read_checkpoint(tmp_path)


def test_a_folder_gives_its_only_file_or_says_what_it_looked_for(tmp_path):
    with pytest.raises(ReadError, match="without a checkpoint of a usual name"):
        read_checkpoint(tmp_path)
    save_file(TENSORS, tmp_path / "model.safetensors")
    assert list(read_checkpoint(tmp_path).tensors) == list(TENSORS)
