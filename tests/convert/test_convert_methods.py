"""Files of MaskCLIP++ and OVSeg: what they bring, and what comes from the CLIP that was tuned."""

import numpy as np
import open_clip_files as files
import pytest

from ovseg_jax import build, trees
from ovseg_jax.config import OVSegConfig
from ovseg_jax.convert.maskclippp import convert_maskclippp
from ovseg_jax.convert.ovseg import convert_ovseg
from ovseg_jax.convert.rules import ConversionError


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
    trees.compare(params, build.parameter_shapes(build.method(config)), "x")
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
    trees.compare(params, build.parameter_shapes(build.method(config)), "x")
    base = files.hollow(files.golden_shapes("clip_towers/a6_eva02_b_16"))
    _, _, both = convert_maskclippp(tensors, "x", base=base)
    assert both.used.keys() == report.used.keys()
    assert "brings its own" in both.skipped["(clip) text.text_projection"]


def test_a_whole_ovseg_file_keeps_its_prompts():
    tensors = files.hollow(files.golden_shapes("ovseg/a4_full_swinb_vitl"))
    config, params, report = convert_ovseg(tensors, "x")
    trees.compare(params, build.parameter_shapes(build.method(config)), "x")
    assert set(report.used) | set(report.skipped) == set(tensors)
    assert config.method == OVSegConfig(has_void=True, prompt_depth=3)
    assert config.inference.ensemble.kind == "ovseg"
