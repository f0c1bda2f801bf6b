"""Weights that are no numbers, too large for their type, or quantised: refused by name."""

import json

import ml_dtypes
import numpy as np
import pytest
import torch_files
from open_clip_files import random, toy_clip
from safetensors.numpy import save_file

from ovseg_jax.cli.main import main
from ovseg_jax.convert.conversion import read_conversion
from ovseg_jax.convert.reading.checkpoint_file import read_checkpoint
from ovseg_jax.convert.reading.torch_zip import ReadError
from ovseg_jax.convert.rules import ConversionError
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.loading.weights import WeightsError, load_weights

FUSED = "transformer.resblocks.0.attn.in_proj_weight"


def write(folder, **changes):
    """Writes the toy CLIP; `changes` put a value at an index of a tensor."""
    tensors = random(toy_clip())
    for name, places in changes.items():
        for index, value in places.items():
            tensors[name].flat[index] = value
    save_file(tensors, folder / "a.safetensors")
    return folder / "a.safetensors"


def test_values_that_are_no_numbers_are_refused_by_the_names_of_the_file(tmp_path):
    bad = {FUSED: {0: np.nan, 20000: np.nan, 27000: -np.inf}, "ln_final.bias": {3: np.inf}}
    source = write(tmp_path, **bad)
    with pytest.raises(ConversionError) as caught:
        read_conversion("open_clip", source)
    assert f"{FUSED} (2 NaN and 1 infinite)" in str(caught.value)
    assert "ln_final.bias (1 infinite)" in str(caught.value)
    assert "--allow-nonfinite" in str(caught.value)


def test_tensors_that_are_left_out_may_be_infinite(tmp_path):
    tensors = random(toy_clip()) | {"attn_mask": np.full((32, 32), -np.inf, np.float32)}
    save_file(tensors, tmp_path / "a.safetensors")
    assert read_conversion("open_clip", tmp_path / "a.safetensors")


def test_what_was_accepted_is_reported_and_loads_with_a_warning(tmp_path, capsys):
    source, target = write(tmp_path, **{"ln_final.bias": {3: np.nan}}), tmp_path / "w"
    assert main(["convert", "open_clip", str(source), str(target)]) == 2
    assert "ln_final.bias (1 NaN)" in capsys.readouterr().err and not target.exists()
    assert main(["convert", "open_clip", str(source), str(target), "--allow-nonfinite"]) == 0
    assert "not finite: clip/text/final_norm/bias, 1 NaN" in capsys.readouterr().out
    report = json.loads((target / "report.json").read_text())
    assert report["nonfinite"] == {"clip/text/final_norm/bias": "1 NaN"}
    with pytest.warns(OvsegWarning, match="clip/text/final_norm/bias"):
        load_weights(target)


def test_values_beyond_float16_are_refused_for_it_alone(tmp_path, capsys):
    source = write(tmp_path, **{FUSED: {5: 70000.0}})
    command = ["convert", "open_clip", str(source), str(tmp_path / "w")]
    assert main([*command, "--dtype", "float16"]) == 2
    err = capsys.readouterr().err
    assert f"{FUSED} reaches 70000" in err and "65504" in err and "bfloat16" in err
    assert main([*command, "--dtype", "float16", "--dry-run"]) == 2
    assert main([*command, "--dtype", "bfloat16"]) == 0
    largest = read_conversion("open_clip", write(tmp_path, **{FUSED: {5: 65504.0}}))
    assert trees.count(largest.params)


def test_float64_beyond_float32_is_infinite_and_refused(tmp_path):
    tensors = random(toy_clip())
    tensors["logit_scale"] = np.array(1e300)
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(ConversionError, match=r"logit_scale \(1 infinite\)"):
        read_conversion("open_clip", tmp_path / "a.safetensors")


def test_half_precision_of_both_kinds_becomes_float32(tmp_path):
    halves = {name: x.astype(np.float16) for name, x in random(toy_clip()).items()}
    found = read_conversion("open_clip", torch_files.save(tmp_path / "a.bin", halves))
    assert {x.dtype for x in trees.flatten(found.params).values()} == {np.dtype("float32")}
    brains = {name: x.astype(ml_dtypes.bfloat16) for name, x in random(toy_clip()).items()}
    assert read_conversion("open_clip", torch_files.save(tmp_path / "b.bin", brains))


# ---- weights of fewer bits ----------------------------------------------------------------


def raw_safetensors(path, name, kind, size):
    entry = {"dtype": kind, "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({name: entry}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    return path


@pytest.mark.parametrize(("kind", "name"), [("F8_E4M3", "float8_e4m3"), ("F8_E5M2", "e5m2")])
def test_floats_of_eight_bits_are_refused_as_such(tmp_path, kind, name):
    path = raw_safetensors(tmp_path / "x.safetensors", "visual.proj", kind, 4)
    with pytest.raises(ReadError, match=f"x.safetensors: visual.proj is of type .*{name}.*16 or"):
        read_checkpoint(path)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_floats_of_eight_bits_of_pytorch_are_refused_as_such(tmp_path, name):
    storage = torch_files.name("torch.storage", "UntypedStorage")
    parts = [torch_files.text("storage"), storage, torch_files.text("0"), torch_files.text("cpu")]
    reference = torch_files.sequence([*parts, torch_files.number(4)]) + b"Q"
    arguments = [reference, torch_files.number(0), b")", b")", b"\x89", b")"]
    arguments += [torch_files.name("torch", name), b"N"]
    rebuild = torch_files.name("torch._utils", "_rebuild_tensor_v3")
    tensor = rebuild + torch_files.sequence(arguments) + b"R"
    content = torch_files.mapping({"visual.proj": tensor})
    with pytest.raises(ReadError, match=f"x.pth: it has tensors of torch.{name}"):
        read_checkpoint(torch_files.write(tmp_path / "x.pth", content, {"0": np.zeros(4, "i1")}))


@pytest.mark.parametrize(
    ("name", "writer"),
    [
        ("a.weight.absmax", "bitsandbytes"),
        ("a.weight.quant_state.bitsandbytes__nf4", "bitsandbytes"),
        ("a.SCB", "bitsandbytes"),
        ("a.qweight", "AWQ or GPTQ"),
        ("a.weight_scale", "compressed-tensors"),
        ("v.blk.0.attn_q.weight", "GGUF"),
    ],
)
def test_quantised_weights_are_known_by_their_names(tmp_path, name, writer):
    save_file({"a.weight": np.zeros(3, np.uint8), name: np.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(ReadError, match=f"{name} shows .*quantised.*{writer}"):
        read_checkpoint(tmp_path / "x.safetensors")


def test_a_gguf_file_is_named(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"GGUF\3\0\0\0" + bytes(40))
    with pytest.raises(ReadError, match="x.gguf is a GGUF file.*quantised"):
        read_checkpoint(tmp_path / "x.gguf")


def test_whole_numbers_under_the_name_of_a_weight_are_refused(tmp_path):
    tensors = random(toy_clip()) | {"ln_final.bias": np.zeros(96, np.int8)}
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(ConversionError, match="ln_final.bias holds int8"):
        read_conversion("open_clip", tmp_path / "a.safetensors")


# ---- weights directories ------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["safetensors", "orbax"])
def test_a_training_that_went_bad_is_not_loaded(tmp_path, layout):
    from ovseg_jax.loading.weights import save_weights
    from tests.inference.tiny_model import CONFIG, random_params

    flat = dict(trees.flatten(random_params()))
    flat["adapter/fuse/bias"] = np.full_like(flat["adapter/fuse/bias"], np.nan)
    save_weights(tmp_path / "w", CONFIG, trees.unflatten(flat), layout=layout)
    with pytest.raises(WeightsError, match=r"adapter/fuse/bias \(16 NaN\).*went bad"):
        load_weights(tmp_path / "w")
