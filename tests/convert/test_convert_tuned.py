"""Released files of MaskCLIP++ and OVSeg in every published size, and small ones as real files."""

import json

import numpy as np
import open_clip_files as files
import pytest
import torch_files
import tuned_files
from slow_cases import quick_ones

from ovseg_jax import api
from ovseg_jax.config import OVSegConfig
from ovseg_jax.convert.conversion import convert_file
from ovseg_jax.convert.methods.maskclippp import convert_maskclippp
from ovseg_jax.convert.methods.ovseg import convert_ovseg
from ovseg_jax.foundation import trees
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.loading.weights import load_weights

SMALL = ("convnext_large_d_320", "eva02_l_14_336")


def check(config, params, report, tensors):
    trees.compare(params, parameter_shapes(build.method(config)), "x")
    assert set(report.used) | set(report.skipped) == set(tensors)


@pytest.mark.parametrize("variant", quick_ones(tuned_files.MASKCLIPPP, SMALL))
def test_every_tower_of_maskclippp_converts(variant):
    released, clip = (files.hollow(shapes()) for shapes in tuned_files.MASKCLIPPP[variant])
    config, params, report = convert_maskclippp(released, "x", base=clip)
    check(config, params, report, released | clip)
    assert config.clip.variant == variant
    convolutional = variant.startswith("convnext")
    assert config.method.psm == ("pseudo_text" if convolutional else "linear")
    sizes = {"eva02_l_14_336": 392, "eva01_g_14_plus": 336}
    assert config.inference.short_side == sizes.get(variant, 640)
    assert config.inference.ensemble.floor == 1e-8 and config.inference.ensemble.with_others


def test_the_large_model_with_tuned_text_needs_no_clip_file():
    tower = tuned_files.maskclippp(tuned_files.eva_large(), tuned_files.linear_psm(1), (3, 16))
    text = tuned_files.text_tower("text_encoder.proxy.")
    text["text_encoder.logit_scale"] = text.pop("logit_scale")
    tensors = files.hollow(tower | text)
    config, params, report = convert_maskclippp(tensors, "x")
    check(config, params, report, tensors)
    assert (config.method.num_templates, config.templates) == (1, "single")
    assert config.inference.ensemble.alpha == 0.9


def toy_maskclippp():
    """A released file around the toy ConvNeXt, and the CLIP that was tuned."""
    clip = files.toy_clip()
    tower = tuned_files.part(clip, "visual.", "")
    return tuned_files.maskclippp(tower, tuned_files.pseudo_text_psm(96)), clip


def toy_ovseg(level, depth=2):
    """The toy ViT in OpenAI's layout, with mask prompts."""
    shapes = files.golden_shapes("clip_towers/a4_vit_b_16")
    text = {n: s for n, s in shapes.items() if not n.startswith("visual.")}
    sizes = {"_512": 96, "_1536": 288, "_2048": 384, "_49408": 4096, "_77": 32}
    text = tuned_files.rescaled(text, "transformer.resblocks.", 2, **sizes)
    image = {n: s for n, s in shapes.items() if n.startswith("visual.")}
    sizes = {"_768": 96, "_512": 96, "_2304": 288, "_3072": 384, "_197": 145, "_16": 8}
    image = tuned_files.rescaled(image, "visual.transformer.resblocks.", 4, **sizes)
    image["visual.mask_embedding"] = (depth, 784, 96)
    return tuned_files.part(text | image, "", level)


def moderate(shapes):
    """Random values of a size that a network survives."""
    return {name: 0.05 * array for name, array in files.random(shapes).items()}


def test_a_file_of_maskclippp_goes_from_torch_to_names(tmp_path):
    released, clip = map(moderate, toy_maskclippp())
    torch_files.save(tmp_path / "maskclippp.pth", released, wrap="model")
    torch_files.save(tmp_path / "clip.pt", clip)
    target = tmp_path / "weights"
    conversion = convert_file(
        "maskclippp",
        tmp_path / "maskclippp.pth",
        target,
        layout="safetensors",
        clip=str(tmp_path / "clip.pt"),
    )
    record = json.loads((target / "report.json").read_text())
    assert record["clip_file"] == "clip.pt" and record["licence"].startswith("Apache-2.0")
    assert set(released) <= set(conversion.report.used)
    segmenter = api.load_segmenter(target, cache_directory=tmp_path / "cache")
    segmenter.set_vocabulary("ball; cone", "none")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    found = segmenter.classify(pixels, np.ones((1, 60, 80), bool))
    np.testing.assert_allclose(found.probabilities.sum(), 1, atol=1e-5)


@pytest.mark.parametrize("level", ["clip_adapter.clip_model.", "module."])
def test_tuned_clip_and_prompts_alone_convert(tmp_path, level):
    """As inside a whole file, and as open_clip's fork writes a checkpoint."""
    tensors = moderate(toy_ovseg(level))
    if not level.startswith("module"):
        tensors["clip_adapter.non_object_embedding"] = np.ones((1, 96), np.float32)
    wrap = "model" if level.startswith("clip") else "state_dict"
    torch_files.save(tmp_path / "ovseg.pt", tensors, wrap=wrap)
    options = {"layout": "safetensors", "variant": "vit_toy"}
    conversion = convert_file("ovseg", tmp_path / "ovseg.pt", tmp_path / "weights", **options)
    assert conversion.config.method.prompt_depth == 2
    assert conversion.config.method.prompts == "mask"
    _, params = load_weights(tmp_path / "weights")
    prompts = tensors[f"{level}visual.mask_embedding"]
    np.testing.assert_array_equal(params["prompt"]["mask_embedding"], prompts)


def test_the_small_ovseg_file_keeps_its_own_sizes():
    """R101c and ViT-B/16: made of the large file's heads with the trunk of a MaskFormer."""
    whole = files.golden_shapes("ovseg/a4_full_swinb_vitl")
    trunk = files.golden_shapes("maskformer/a1_r101c_semantic")
    heads = {n: s for n, s in trunk.items() if not n.startswith("criterion")}
    named = {n: s for n, s in whole.items() if "class_embed" in n and n.startswith("sem_seg_head")}
    heads = {n: s for n, s in heads.items() if "class_embed" not in n} | named
    last = "sem_seg_head.predictor.class_embed.layers.1."
    heads |= {f"{last}weight": (512, 1024), f"{last}bias": (512,)}
    clip = tuned_files.part(
        files.golden_shapes("clip_towers/a4_vit_b_16"), "", "clip_adapter.clip_model."
    )
    clip["clip_adapter.clip_model.visual.mask_embedding"] = (3, 196, 768)
    clip["clip_adapter.non_object_embedding"] = (1, 512)
    tensors = files.hollow(heads | clip)
    config, params, report = convert_ovseg(tensors, "x")
    check(config, params, report, tensors)
    assert config.generator.backbone == "resnet101c"
    assert config.clip.variant == "vit_b_16_quickgelu"
    assert config.method == OVSegConfig(has_void=True, mask_threshold=0.5)
    assert (config.inference.short_side, config.inference.long_side) == (512, 2048)
