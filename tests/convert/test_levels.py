"""Averages, wrappers and optimizers beside the model: one set is taken, and it is said which."""

import json

import numpy as np
import pytest
import torch_files
from open_clip_files import random, toy_clip
from safetensors.numpy import save_file
from torch_files import mapping, number, tensor

from ovseg_jax.cli.main import main
from ovseg_jax.convert.reading.checkpoint_file import read_checkpoint
from ovseg_jax.convert.reading.torch_zip import ReadError

PLAIN, AVERAGE = np.arange(3, dtype=np.float32), np.arange(3, 6, dtype=np.float32)


def write(path, **levels):
    """Writes a file of dicts: "plain" and "average" hold a tensor called scale."""
    contents = {
        "plain": mapping({"scale": tensor("0", "float32", (3,))}),
        "average": mapping({"scale": tensor("1", "float32", (3,))}),
        "optimizer": mapping({"state": mapping({"moment": tensor("0", "float32", (3,))})}),
        "number": number(7),
    }
    content = mapping({name: contents.get(kind, kind) for name, kind in levels.items()})
    return torch_files.write(path, content, {"0": PLAIN, "1": AVERAGE})


@pytest.mark.parametrize(
    ("model", "average"),
    [("model", "model_ema"), ("state_dict", "state_dict_ema"), ("model", "ema")],
)
def test_the_average_is_taken_and_which_takes_the_other(tmp_path, model, average):
    path = write(tmp_path / "x.pth", **{model: "plain", average: "average", "epoch": "number"})
    found = read_checkpoint(path)
    assert found.taken == average and found.others == (model,)
    np.testing.assert_array_equal(found.tensors["scale"], AVERAGE)
    assert found.left_out[model] == f"another set of weights; --which {model} takes it"
    assert found.left_out["epoch"] == "no weights"
    other = read_checkpoint(path, which=model)
    assert other.taken == model
    np.testing.assert_array_equal(other.tensors["scale"], PLAIN)


def test_an_average_that_wraps_a_module_is_unwrapped(tmp_path):
    average = mapping({"module": mapping({"scale": tensor("1", "float32", (3,))})})
    path = write(tmp_path / "x.pth", model="plain", ema=average)
    for which in ("", "ema", "ema.module"):
        found = read_checkpoint(path, which=which)
        assert found.taken == "ema.module"
        np.testing.assert_array_equal(found.tensors["scale"], AVERAGE)


def test_the_state_of_the_optimizer_is_left_out_with_a_reason(tmp_path):
    path = write(tmp_path / "x.pth", model="plain", optimizer="optimizer", lr_scheduler="number")
    found = read_checkpoint(path)
    assert list(found.tensors) == ["scale"] and found.others == ()
    assert found.left_out["optimizer"] == found.left_out["lr_scheduler"] == "state of the training"


def test_a_single_level_of_any_name_is_taken_and_two_are_refused(tmp_path):
    assert read_checkpoint(write(tmp_path / "a.pth", net="plain", step="number")).taken == "net"
    path = write(tmp_path / "b.pth", student="plain", teacher="average")
    with pytest.raises(ReadError, match="student, teacher; choose one"):
        read_checkpoint(path)
    np.testing.assert_array_equal(read_checkpoint(path, "teacher").tensors["scale"], AVERAGE)


def test_a_set_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    path = write(tmp_path / "x.pth", model="plain", model_ema="average")
    with pytest.raises(ReadError, match="no weights called 'teacher'; there are model_ema, model"):
        read_checkpoint(path, which="teacher")
    save_file({"scale": PLAIN}, tmp_path / "flat.safetensors")
    with pytest.raises(ReadError, match="one set, without a name"):
        read_checkpoint(tmp_path / "flat.safetensors", which="model")


def test_a_flat_file_with_both_under_prefixes_is_parted(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"model.scale": PLAIN, "model_ema.scale": AVERAGE}, path)
    found = read_checkpoint(path)
    assert found.taken == "model_ema" and list(found.tensors) == ["scale"]
    np.testing.assert_array_equal(found.tensors["scale"], AVERAGE)
    np.testing.assert_array_equal(read_checkpoint(path, which="model").tensors["scale"], PLAIN)


def test_an_averaged_model_of_pytorch_loses_its_counter(tmp_path):
    entries = {"n_averaged": np.array(3), "module.scale": AVERAGE}
    found = read_checkpoint(torch_files.save(tmp_path / "x.pth", entries))
    assert list(found.tensors) == ["scale"]
    assert found.left_out == {"n_averaged": "a counter of the average"}


@pytest.mark.parametrize(
    "names",
    [
        ["_orig_mod.visual.a", "_orig_mod.visual.b"],
        ["visual._orig_mod.a", "visual.b"],
        ["module._orig_mod.visual.a", "module._orig_mod.visual.b"],
        ["_orig_mod.module.visual.a", "_orig_mod.module._fsdp_wrapped_module.visual.b"],
    ],
)
def test_wrappers_come_off_wherever_they_stand(tmp_path, names):
    save_file(dict.fromkeys(names, PLAIN), tmp_path / "x.safetensors")
    found = read_checkpoint(tmp_path / "x.safetensors")
    assert sorted(found.tensors) == ["visual.a", "visual.b"]
    assert "_orig_mod." in found.wrappers


def test_names_that_a_wrapper_alone_tells_apart_are_refused(tmp_path):
    save_file({"a.scale": PLAIN, "a._orig_mod.scale": AVERAGE}, tmp_path / "x.safetensors")
    with pytest.raises(ReadError, match="stands twice"):
        read_checkpoint(tmp_path / "x.safetensors")


def test_the_command_says_what_was_taken_and_reports_it(tmp_path, capsys):
    shapes = toy_clip("_orig_mod.")
    tensors = {f"model.{n}": x for n, x in random(shapes).items()}
    tensors |= {f"model_ema.{n}": np.asarray(-x) for n, x in random(shapes).items()}
    save_file(tensors, tmp_path / "a.safetensors")
    command = ["convert", "open_clip", str(tmp_path / "a.safetensors"), str(tmp_path / "w")]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "weights taken from: model_ema" in captured.out and "_orig_mod." in captured.out
    assert "'model_ema' was taken. Others: --which model" in captured.err
    report = json.loads((tmp_path / "w" / "report.json").read_text())
    assert report["taken"] == "model_ema" and report["wrappers"] == ["_orig_mod."]
    assert main([*command[:3], str(tmp_path / "v"), "--which", "model"]) == 0
    captured = capsys.readouterr()
    assert "weights taken from: model\n" in captured.out and not captured.err
