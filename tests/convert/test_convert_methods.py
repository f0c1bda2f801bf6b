"""Files of MaskCLIP++ and OVSeg: what they bring, and what comes from the CLIP that was tuned."""

import numpy as np
import open_clip_files as files
import pytest
import torch_files
from slow_cases import slow

from ovseg_jax.config import (
    EnsembleConfig,
    MaskAdapterOnMaftConfig,
    NoGeneratorConfig,
    OVSegConfig,
)
from ovseg_jax.convert.conversion import convert_file
from ovseg_jax.convert.methods.mask_adapter import convert_mask_adapter
from ovseg_jax.convert.methods.maskclippp import convert_maskclippp
from ovseg_jax.convert.methods.ovseg import convert_ovseg
from ovseg_jax.convert.rules import ConversionError
from ovseg_jax.foundation import trees
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.loading.weights import load_weights

ADAPTER = ("mask_adapter.", "void_embedding.")


def transfer(width):
    """The names and shapes of MAFT+'s transfer."""
    name = "cdt.cross_atten"
    shapes = {f"{name}.multihead_attn.in_proj_weight": (3 * width, width)}
    shapes |= {f"{name}.multihead_attn.in_proj_bias": (3 * width,)}
    for layer in ("multihead_attn.out_proj", "MLP"):
        shapes |= {f"{name}.{layer}.weight": (width, width), f"{name}.{layer}.bias": (width,)}
    return shapes | {f"{name}.norm.{part}": (width,) for part in ("weight", "bias")}


def adapter_of(case):
    """The adapter in a golden case's file, at its published size but for the width of blocks."""
    return {n: s for n, s in files.golden_shapes(case).items() if n.startswith(ADAPTER)}


def published_adapters():
    """Files of the second phase, by the model that the adapter stands on (docs/reference 1.8)."""
    large = files.golden_shapes("fcclip/a2_full_large")
    on_base = adapter_of("mask_adapter/a8_path_maft_base")
    on_large = adapter_of("mask_adapter/a11_full_fcclip_large")
    return {
        "fcclip large": large | on_large,
        "maft base": files.golden_shapes("maft_plus/a3_full_base") | on_base,
        "maft large": large | transfer(768) | on_large,
    }


@pytest.mark.parametrize(
    ("name", "alpha", "threshold", "overlap"),
    [
        slow("fcclip large", (0.7, 0.9), 0.5, 0.8),
        ("maft base", (0.7, 1.0), 0.45, 0.7),
        slow("maft large", (0.8, 1.0), 0.4, 0.7),
    ],
)
def test_adapters_of_the_second_phase_answer_with_published_settings(
    name, alpha, threshold, overlap
):
    tensors = files.hollow(published_adapters()[name])
    config, params, report = convert_mask_adapter(tensors, "x")
    trees.compare(params, parameter_shapes(build.method(config)), "x")
    assert set(report.used) | set(report.skipped) == set(tensors)
    assert {item.split(".")[0] for item in report.skipped} <= {"criterion", "backbone_t"}
    assert config.inference.ensemble == EnsembleConfig(alpha=alpha[0], beta=alpha[1])
    assert (config.method.mask_threshold, config.inference.overlap_threshold) == (
        *(threshold, overlap),
    )
    assert (config.inference.short_side, config.inference.long_side) == (896, 896)
    on_maft = isinstance(config.method, MaskAdapterOnMaftConfig)
    assert on_maft == name.startswith("maft")
    assert config.train_vocabulary == ("coco_stuff171" if on_maft else "coco_panoptic133")
    assert not on_maft or config.method.panoptic == (name == "maft large")


@pytest.mark.parametrize("on_maft", [False, True])
def test_a_file_of_the_first_phase_becomes_weights_without_generator(tmp_path, on_maft):
    shapes = files.toy_adapter() | (transfer(96) if on_maft else {})
    tensors = files.random(shapes)
    source = torch_files.save(tmp_path / "model_final.pth", tensors, "model")
    convert_file("mask_adapter", source, tmp_path / "weights", layout="safetensors")
    config, params = load_weights(tmp_path / "weights")
    assert isinstance(config.generator, NoGeneratorConfig)
    assert ("transfer" in params) == on_maft and "generator" not in params
    assert isinstance(config.method, MaskAdapterOnMaftConfig) == on_maft
    assert not on_maft or config.method.panoptic  # PANOPTIC_ON in both published warm-ups
    np.testing.assert_array_equal(params["void_embedding"], tensors["void_embedding.weight"])
    np.testing.assert_array_equal(
        params["adapter"]["block1"]["expand"]["kernel"].T,
        tensors["mask_adapter.cnext2.pwconv1.weight"],
    )


def test_an_adapter_without_part_of_its_generator_is_refused():
    shapes = published_adapters()["maft large"]
    del shapes["sem_seg_head.predictor.decoder_norm.weight"]
    with pytest.raises(ConversionError, match="no tensor fills .*generator/decoder/norm/scale"):
        convert_mask_adapter(files.hollow(shapes), "x")


@pytest.mark.parametrize(
    ("case", "towers", "variant", "psm"),
    [
        (
            "a1_convnext_b",
            "clip_towers/a1_convnext_base_w_320",
            "convnext_base_w_320",
            "pseudo_text",
        ),
        ("a3_rn50x16", "clip_towers/a3_rn50x16", "rn50x16", "linear"),
        ("a2_eva_b16", "clip_towers/a6_eva02_b_16", "eva02_b_16", "linear"),
    ],
)
def test_maskclippp_takes_the_text_tower_of_the_clip_it_tuned(case, towers, variant, psm):
    tensors = files.hollow(files.golden_shapes(f"maskclippp/{case}"))
    base = files.hollow(files.golden_shapes(towers))
    config, params, report = convert_maskclippp(tensors, "x", base=base)
    trees.compare(params, parameter_shapes(build.method(config)), "x")
    assert (config.clip.variant, config.method.psm) == (variant, psm)
    assert config.method.num_templates == 14 and config.templates == "vild14"
    assert set(tensors) <= set(report.used) | set(report.skipped)
    others = {name.removeprefix("(clip) ") for name in report.skipped} | set(report.used)
    assert set(base) <= others | {"text.logit_scale"}
    with pytest.raises(ConversionError, match=r"brings no text tower.*--clip FILE"):
        convert_maskclippp(tensors, "x")


def test_maskclippp_counts_the_strength_of_masks_from_the_last_block():
    tensors = files.random(files.golden_shapes("maskclippp/a2_eva_b16"))
    base = files.hollow(files.golden_shapes("clip_towers/a6_eva02_b_16"))
    _, params, _ = convert_maskclippp(tensors, "x", base=base)
    want = tensors["visual_encoder.mask_logit_scale"][::-1]
    np.testing.assert_array_equal(params["log_strength"], want)
    fused = params["align"]["expand_kernel"].T
    np.testing.assert_array_equal(fused, tensors["psm.corr_proj_in.0.weight"])


def test_a_tuned_text_tower_comes_before_the_borrowed_one():
    text = files.golden_shapes("maskclippp/a9_eva_text_b16")
    tensors = files.hollow(files.golden_shapes("maskclippp/a2_eva_b16") | text)
    config, params, report = convert_maskclippp(tensors, "x")
    trees.compare(params, parameter_shapes(build.method(config)), "x")
    base = files.hollow(files.golden_shapes("clip_towers/a6_eva02_b_16"))
    _, _, both = convert_maskclippp(tensors, "x", base=base)
    assert both.used.keys() == report.used.keys()
    assert "brings its own" in both.skipped["(clip) text.text_projection"]


@pytest.mark.slow
def test_a_whole_ovseg_file_keeps_its_prompts():
    tensors = files.hollow(files.golden_shapes("ovseg/a4_full_swinb_vitl"))
    config, params, report = convert_ovseg(tensors, "x")
    trees.compare(params, parameter_shapes(build.method(config)), "x")
    assert set(report.used) | set(report.skipped) == set(tensors)
    assert config.method == OVSegConfig(has_void=True, prompt_depth=3)
    assert config.inference.ensemble.kind == "ovseg"
