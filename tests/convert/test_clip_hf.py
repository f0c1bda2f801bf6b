"""Hugging Face's layout of CLIP: the parameters of OpenAI's layout, bit for bit."""

import json

import numpy as np
import pytest
from open_clip_files import random
from safetensors.numpy import save_file

from ovseg_jax.convert.conversion import read_conversion
from ovseg_jax.convert.rules import ConversionError
from ovseg_jax.convert.towers.clip import convert_open_clip, convert_openai
from ovseg_jax.convert.towers.clip_hf import convert_clip_hf
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.models.clip import variants

WIDTH, LAYERS, TOKENS = 96, {"visual.": 4, "": 2}, (12 * 12 + 1)
BLOCK = {
    "ln_1.weight": (WIDTH,),
    "ln_1.bias": (WIDTH,),
    "attn.in_proj_weight": (3 * WIDTH, WIDTH),
    "attn.in_proj_bias": (3 * WIDTH,),
    "attn.out_proj.weight": (WIDTH, WIDTH),
    "attn.out_proj.bias": (WIDTH,),
    "ln_2.weight": (WIDTH,),
    "ln_2.bias": (WIDTH,),
    "mlp.c_fc.weight": (4 * WIDTH, WIDTH),
    "mlp.c_fc.bias": (4 * WIDTH,),
    "mlp.c_proj.weight": (WIDTH, 4 * WIDTH),
    "mlp.c_proj.bias": (WIDTH,),
}
TOP = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "visual.proj": "visual_projection.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "text_projection": "text_projection.weight",
    "logit_scale": "logit_scale",
}
PARTS = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


@pytest.fixture
def quick(monkeypatch):
    """A variant of the toy ViT with QuickGELU."""
    toy = variants.VARIANTS["vit_toy"]
    monkeypatch.setitem(variants.VARIANTS, "vit_toy_quickgelu", toy)


def openai_tensors():
    shapes = {
        "visual.class_embedding": (WIDTH,),
        "visual.positional_embedding": (TOKENS, WIDTH),
        "visual.conv1.weight": (WIDTH, 3, 8, 8),
        "visual.proj": (WIDTH, WIDTH),
        "positional_embedding": (32, WIDTH),
        "token_embedding.weight": (4096, WIDTH),
        "text_projection": (WIDTH, WIDTH),
        "logit_scale": (),
    }
    for name in ("visual.ln_pre", "visual.ln_post", "ln_final"):
        shapes |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
    for tower, layers in LAYERS.items():
        for index in range(layers):
            prefix = f"{tower}transformer.resblocks.{index}."
            shapes |= {prefix + name: shape for name, shape in BLOCK.items()}
    return random(shapes)


def hugging_face(tensors):
    """The same numbers in Hugging Face's layout, written down apart from our tables."""
    found = {"vision_model.embeddings.position_ids": np.arange(TOKENS)[None]}
    for name, array in tensors.items():
        if name in TOP:
            turned = name in ("visual.proj", "text_projection")
            found[TOP[name]] = np.ascontiguousarray(array.T) if turned else array
            continue
        tower, _, rest = name.partition("transformer.resblocks.")
        index, _, part = rest.partition(".")
        root = "vision_model" if tower else "text_model"
        block = f"{root}.encoder.layers.{index}"
        if part.startswith("attn.in_proj"):
            ending = part.removeprefix("attn.in_proj_")
            for letter, third in zip("qkv", np.split(array, 3), strict=True):
                found[f"{block}.self_attn.{letter}_proj.{ending}"] = third
        else:
            layer, _, ending = part.rpartition(".")
            found[f"{block}.{PARTS[layer]}.{ending}"] = array
    return found


def assert_same(one, two):
    one, two = trees.flatten(one), trees.flatten(two)
    assert one.keys() == two.keys()
    for path, value in one.items():
        np.testing.assert_array_equal(value, two[path], err_msg=path)


def test_both_layouts_give_the_same_parameters():
    tensors = openai_tensors()
    settings = {"vision_config": {"hidden_act": "gelu"}, "text_config": {"hidden_act": "gelu"}}
    config, params, report = convert_clip_hf(hugging_face(tensors), "x", settings=settings)
    plain, expected, _ = convert_open_clip(tensors, "x")
    assert config == plain and config.clip.variant == "vit_toy"
    assert_same(params, expected)
    assert report.skipped == {"vision_model.embeddings.position_ids": "constants: 0, 1, 2, ..."}


def write(folder, settings=None):
    save_file(hugging_face(openai_tensors()), folder / "model.safetensors")
    if settings is not None:
        (folder / "config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize(
    ("settings", "variant"),
    [
        ({"model_type": "clip"}, "vit_toy_quickgelu"),
        ({"vision_config": {"hidden_act": "quick_gelu"}}, "vit_toy_quickgelu"),
        (
            {"vision_config": {"hidden_act": "gelu"}, "text_config": {"hidden_act": "gelu"}},
            "vit_toy",
        ),
    ],
)
def test_the_settings_beside_the_file_tell_the_activation(tmp_path, quick, settings, variant):
    assert read_conversion("clip_hf", write(tmp_path, settings)).config.clip.variant == variant


def test_without_settings_quickgelu_is_assumed_with_a_warning(tmp_path, quick):
    source = write(tmp_path)
    with pytest.warns(OvsegWarning, match="QuickGELU is assumed"):
        assert read_conversion("clip_hf", source).config.clip.variant == "vit_toy_quickgelu"
    assert read_conversion("clip_hf", source, variant="vit_toy").config.clip.variant == "vit_toy"


@pytest.mark.parametrize(
    "settings", [[], {"vision_config": {"hidden_act": "gelu"}}, {"text_config": {"hidden_act": []}}]
)
def test_settings_that_do_not_tell_are_refused(tmp_path, settings):
    with pytest.raises(ConversionError, match=r"config\.json"):
        read_conversion("clip_hf", write(tmp_path, settings))


@pytest.mark.parametrize("convert", [convert_open_clip, convert_openai])
def test_the_other_kinds_say_which_one_reads_it(convert):
    tensors = openai_tensors()
    with pytest.raises(ConversionError, match="convert with clip_hf"):
        convert(hugging_face(tensors), "x")
    with pytest.raises(ConversionError, match="convert with open_clip or openai"):
        convert_clip_hf(tensors, "x")


def test_what_huggingface_writes_is_read(tmp_path):
    transformers = pytest.importorskip("transformers")
    tower = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_attention_heads": 4}
    vision = tower | {"num_hidden_layers": 4, "image_size": 96, "patch_size": 8}
    text = tower | {"num_hidden_layers": 2, "vocab_size": 4096, "max_position_embeddings": 32}
    model = transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH)
    )
    model.save_pretrained(tmp_path)
    found = read_conversion("clip_hf", tmp_path)
    weight = model.state_dict()["visual_projection.weight"].numpy()
    kernel = found.params["clip"]["visual"]["projection"]["kernel"]
    np.testing.assert_array_equal(kernel, weight.T)
