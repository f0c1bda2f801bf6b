"""Published layouts to our trees: OpenCLIP ConvNeXt and Mask-Adapter files."""

import json

import jax
import numpy as np
import open_clip_files as files
import pytest
import torch_files
from safetensors.numpy import save_file

from ovseg_jax.config import MaskPoolingConfig
from ovseg_jax.convert.conversion import convert_file
from ovseg_jax.convert.methods.mask_adapter import convert_head, convert_mask_adapter
from ovseg_jax.convert.rules import ConversionError
from ovseg_jax.convert.towers.clip import convert_open_clip, identify
from ovseg_jax.foundation import trees
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.loading.weights import load_weights


@pytest.mark.parametrize("name", ["convnext_base_w_320", "convnext_large_d_320"])
def test_published_clip_files_fill_every_parameter(name):
    case = {"convnext_base_w_320": "a1", "convnext_large_d_320": "a2"}[name]
    shapes = files.golden_shapes(f"clip_towers/{case}_{name}")
    config, params, report = convert_open_clip(files.hollow(shapes), "x")
    assert config.clip.variant == name and isinstance(config.method, MaskPoolingConfig)
    assert trees.count(params) == sum(int(np.prod(shape)) for shape in shapes.values())
    assert set(report.used) == set(shapes) and not report.skipped


def test_values_land_where_their_names_say():
    tensors = files.random(files.toy_clip())
    _, params, _ = convert_open_clip(tensors, "x")
    flat = trees.flatten(params["clip"])
    block = "visual.trunk.stages.1.blocks.0"
    depthwise = flat["visual/stage1/block0/depthwise/kernel"]
    np.testing.assert_array_equal(
        depthwise[2, 1, 0], tensors[f"{block}.conv_dw.weight"][:, 0, 2, 1]
    )
    np.testing.assert_array_equal(
        flat["visual/stage1/block0/expand/kernel"].T, tensors[f"{block}.mlp.fc1.weight"]
    )
    fused = tensors["transformer.resblocks.1.attn.in_proj_weight"]
    np.testing.assert_array_equal(flat["text/block1/attention/value/kernel"].T, fused[192:])
    np.testing.assert_array_equal(flat["text/projection/kernel"], tensors["text_projection"])


def test_the_mask_of_older_files_is_skipped_with_a_reason():
    tensors = files.hollow(files.toy_clip()) | {"attn_mask": np.zeros((32, 32))}
    _, _, report = convert_open_clip(tensors, "x")
    assert report.skipped == {"attn_mask": "the causal mask is a constant"}


def test_another_kind_of_clip_is_named():
    with pytest.raises(ConversionError, match="x.bin holds no CLIP image tower .* visual.proj"):
        convert_open_clip({"visual.proj": np.zeros((2, 2))}, "x.bin")


def test_unknown_sizes_are_shown_beside_the_known_ones():
    shapes = files.toy_clip() | {"text_projection": (96, 50), "visual.head.proj.weight": (50, 96)}
    with pytest.raises(ConversionError, match="'embedding_dim': 50(.|\n)*convnext_toy"):
        identify(files.hollow(shapes), "x")


def test_a_damaged_clip_file_lists_all_that_is_wrong():
    shapes = files.toy_clip() | {"extra.weight": (3,), "ln_final.bias": (7,)}
    del shapes["ln_final.weight"]
    with pytest.raises(ConversionError) as caught:
        convert_open_clip(files.hollow(shapes), "x")
    for part in ("extra.weight (3,)", "text/final_norm/scale (96,)", "text/final_norm/bias"):
        assert part in str(caught.value)


def test_mask_adapter_sizes_come_from_the_tensors():
    config, params, report = convert_mask_adapter(files.hollow(files.toy_adapter()), "x")
    head = config.method
    assert (head.num_maps, head.width, head.mask_width, head.num_blocks) == (5, 24, 12, 2)
    assert config.clip.variant == "convnext_toy" and params["void_embedding"].shape == (1, 96)
    assert set(report.used) == set(files.toy_adapter())


def test_mask_adapter_parameters_are_those_of_the_method():
    config, params, _ = convert_mask_adapter(files.hollow(files.toy_adapter()), "x")
    trees.compare(params, parameter_shapes(build.method(config)), "x")


@pytest.mark.parametrize(("case", "width"), [("a1_head_base", 768), ("a2_head_large", 128)])
def test_a_head_alone_converts(case, width):
    shapes = files.golden_shapes(f"mask_adapter/{case}")
    head, params, report = convert_head(files.hollow(shapes), "x")
    assert (head.num_maps, head.width, head.mask_width, head.num_blocks) == (16, width, 16, 3)
    assert params["block2"]["depthwise"]["kernel"].shape == (7, 7, 1, width)
    assert set(report.used) == set(shapes)


def test_a_whole_file_brings_its_generator():
    shapes = files.golden_shapes("mask_adapter/a11_full_fcclip_large")
    config, _, report = convert_mask_adapter(files.hollow(shapes), "x")
    assert config.clip.variant == "convnext_large_d_320" and config.generator.kind == "query"
    assert set(report.used) | set(report.skipped) == set(shapes)
    assert not any(name.startswith("sem_seg_head.") for name in report.skipped)


def test_a_file_without_adapter_is_named():
    with pytest.raises(ConversionError, match="x holds no Mask-Adapter: mask_adapter.fuse.weight"):
        convert_mask_adapter(files.hollow(files.toy_clip("backbone.clip_model.")), "x")


@pytest.mark.parametrize("layout", ["safetensors", "orbax"])
def test_a_file_becomes_a_weights_directory(tmp_path, layout):
    tensors = files.random(files.toy_adapter())
    source = torch_files.save(tmp_path / "adapter.pth", tensors, "model")
    written = convert_file("mask_adapter", source, tmp_path / "weights", layout=layout).config
    config, params = load_weights(tmp_path / "weights")
    assert config == written
    expected = tensors["mask_adapter.fuse.weight"][:, :, 0, 0].T
    np.testing.assert_array_equal(params["adapter"]["fuse"]["kernel"], expected)
    report = json.loads((tmp_path / "weights" / "report.json").read_text())
    assert report["source"] == "adapter.pth" and len(report["sha256"]) == 64
    assert len(report["used"]) == len(tensors)


def test_safetensors_and_zip_files_give_the_same_weights(tmp_path):
    tensors = files.random(files.toy_clip())
    save_file(tensors, tmp_path / "a.safetensors")
    torch_files.save(tmp_path / "b.bin", tensors)
    convert_file("open_clip", tmp_path / "a.safetensors", tmp_path / "a")
    convert_file("open_clip", tmp_path / "b.bin", tmp_path / "b")
    one, two = load_weights(tmp_path / "a")[1], load_weights(tmp_path / "b")[1]
    jax.tree.map(np.testing.assert_array_equal, one, two)


def test_unknown_converters_list_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="no converter 'openclip'; known: open_clip, openai"):
        convert_file("openclip", tmp_path / "x", tmp_path / "y")
