"""SigLIP files of big_vision, in both layouts, and of Hugging Face: one model, or a clear error."""

import ml_dtypes
import numpy as np
import pytest

from ovseg_jax.convert.conversion import read_conversion
from ovseg_jax.convert.rules import ConversionError
from ovseg_jax.convert.towers import siglip
from ovseg_jax.convert.towers.clip import expected_clip
from ovseg_jax.foundation import trees
from ovseg_jax.models.clip import variants
from ovseg_jax.models.clip.siglip import SiglipTextTower, SiglipTower
from tests.convert.torch_files import read_tensors

WIDTH, HEADS, LAYERS, MLP = 16, 2, 2, 24
VISUAL = SiglipTower(
    image_size=32,
    patch=8,
    width=WIDTH,
    layers=LAYERS,
    heads=HEADS,
    embedding_dim=WIDTH,
    mlp_width=MLP,
)
TEXT = SiglipTextTower(
    vocab_size=30,
    context_length=6,
    width=WIDTH,
    heads=HEADS,
    layers=LAYERS,
    mlp_width=MLP,
    embedding_dim=WIDTH,
)


@pytest.fixture(autouse=True)
def small_variant(monkeypatch):
    model = variants.VARIANTS["siglip_b_16_256"]
    small = variants.Variant(
        visual=VISUAL, text=TEXT, image_size=32, tokenizer=model.tokenizer, sigmoid=True
    )
    monkeypatch.setitem(variants.VARIANTS, "small", small)
    monkeypatch.setattr(siglip, "siglip_towers", lambda: {"small": (VISUAL, TEXT)})


def block_shapes(name):
    shapes = {}
    for part in ("query", "key", "value"):
        attention = f"{name}/MultiHeadDotProductAttention_0/{part}"
        shapes[f"{attention}/kernel"] = (WIDTH, HEADS, WIDTH // HEADS)
        shapes[f"{attention}/bias"] = (HEADS, WIDTH // HEADS)
    shapes[f"{name}/MultiHeadDotProductAttention_0/out/kernel"] = (HEADS, WIDTH // HEADS, WIDTH)
    shapes[f"{name}/MultiHeadDotProductAttention_0/out/bias"] = (WIDTH,)
    for index, (into, out) in enumerate(((WIDTH, MLP), (MLP, WIDTH))):
        shapes[f"{name}/MlpBlock_0/Dense_{index}/kernel"] = (into, out)
        shapes[f"{name}/MlpBlock_0/Dense_{index}/bias"] = (out,)
    return shapes


def norm_shapes(name):
    return {f"{name}/{part}": (WIDTH,) for part in ("scale", "bias")}


def big_vision_shapes():
    shapes = {
        "img/embedding/kernel": (8, 8, 3, WIDTH),
        "img/embedding/bias": (WIDTH,),
        "img/pos_embedding": (1, 16, WIDTH),
        "img/MAPHead_0/probe": (1, 1, WIDTH),
        "txt/Embed_0/embedding": (30, WIDTH),
        "txt/pos_embedding": (1, 6, WIDTH),
        "txt/head/kernel": (WIDTH, WIDTH),
        "txt/head/bias": (WIDTH,),
        "t": (1,),
        "b": (1,),
    }
    shapes |= block_shapes("img/MAPHead_0") | norm_shapes("img/MAPHead_0/LayerNorm_0")
    for tower in ("img/Transformer", "txt/Encoder_0"):
        shapes |= norm_shapes(f"{tower}/encoder_norm")
        for index in range(LAYERS):
            name = f"{tower}/encoderblock_{index}"
            shapes |= block_shapes(name)
            shapes |= norm_shapes(f"{name}/LayerNorm_0") | norm_shapes(f"{name}/LayerNorm_1")
    return shapes


@pytest.fixture
def tensors():
    rng = np.random.default_rng(0)
    return {
        f"params/{name}": rng.standard_normal(shape).astype(np.float32)
        for name, shape in big_vision_shapes().items()
    }


def scanned(tensors):
    """The same file with one array for all blocks of a tower."""
    result = {}
    for name, array in tensors.items():
        if "/encoderblock_0/" in name:
            rest = [tensors[name.replace("block_0/", f"block_{i}/")] for i in range(LAYERS)]
            result[name.replace("/encoderblock_0/", "/encoderblock/")] = np.stack(rest)
        elif "/encoderblock_" not in name:
            result[name] = array
    return result


def convert(tensors):
    return siglip.convert_big_vision(tensors, "x.npz")


def assert_same(one, two):
    one, two = trees.flatten(one), trees.flatten(two)
    assert one.keys() == two.keys()
    for path, value in one.items():
        np.testing.assert_array_equal(value, two[path], err_msg=path)


def test_values_land_where_their_names_say(tensors):
    config, params, report = convert(tensors)
    assert config.clip.variant == "small" and not report.skipped and not report.filled
    flat = trees.flatten(params["clip"])
    kernel = tensors[
        "params/img/Transformer/encoderblock_1/MultiHeadDotProductAttention_0/key/kernel"
    ]
    np.testing.assert_array_equal(
        flat["visual/block1/attention/key/kernel"], kernel.reshape(WIDTH, WIDTH)
    )
    out = tensors["params/txt/Encoder_0/encoderblock_0/MultiHeadDotProductAttention_0/out/kernel"]
    np.testing.assert_array_equal(
        flat["text/block0/attention/output/kernel"], out.reshape(WIDTH, WIDTH)
    )
    assert flat["logit_bias"] == tensors["params/b"][0]


def test_scanned_towers_give_the_same_model(tensors):
    assert_same(convert(scanned(tensors))[1], convert(tensors)[1])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_files(tensors, tmp_path, dtype):
    stored = {name: array.astype(dtype) for name, array in tensors.items()}
    if dtype is ml_dtypes.bfloat16:  # as big_vision's files look to NumPy
        np.savez(tmp_path / "x.npz", **{n: x.view(np.dtype("V2")) for n, x in stored.items()})
    else:
        np.savez(tmp_path / "x.npz", **stored)
    found = read_conversion("big_vision", tmp_path / "x.npz")
    expected = convert({name: array.astype(np.float32) for name, array in stored.items()})[1]
    assert_same(found.params, expected)
    assert found.origin["stored_dtypes"] == {np.dtype(dtype).name: len(tensors)}


def test_a_hugging_face_file_gives_the_same_model(tensors, tmp_path):
    """Written from the expected parameters by the names of `SiglipModel`."""
    params = trees.flatten(convert(tensors)[1]["clip"])
    hugging = to_hugging_face(params)
    assert_same(siglip.convert_siglip_hf(hugging, "x")[1], convert(tensors)[1])


def to_hugging_face(flat):
    result = {
        "logit_scale": flat["logit_scale"].reshape(1),
        "logit_bias": flat["logit_bias"].reshape(1),
        "text_model.embeddings.token_embedding.weight": flat["text/token_embedding"],
        "text_model.embeddings.position_embedding.weight": flat["text/position_embedding"],
        "vision_model.embeddings.position_embedding.weight": flat["visual/position_embedding"],
        "vision_model.head.probe": flat["visual/head/probe"][None],
    }
    patches = flat["visual/patches/kernel"].transpose(3, 2, 0, 1)
    result["vision_model.embeddings.patch_embedding.weight"] = patches
    result["vision_model.embeddings.patch_embedding.bias"] = flat["visual/patches/bias"]

    def put(theirs, ours):
        if f"{ours}/kernel" in flat:
            result[f"{theirs}.weight"] = flat[f"{ours}/kernel"].T
        else:
            result[f"{theirs}.weight"] = flat[f"{ours}/scale"]
        result[f"{theirs}.bias"] = flat[f"{ours}/bias"]

    put("vision_model.post_layernorm", "visual/final_norm")
    put("text_model.final_layer_norm", "text/final_norm")
    put("text_model.head", "text/projection")
    put("vision_model.head.layernorm", "visual/head/norm")
    put("vision_model.head.attention.out_proj", "visual/head/attention/output")
    for index, part in enumerate(("expand", "reduce"), start=1):
        put(f"vision_model.head.mlp.fc{index}", f"visual/head/mlp/{part}")
    pool = "visual/head/attention"
    parts = ("query", "key", "value")
    fused = np.concatenate([flat[f"{pool}/{part}/kernel"].T for part in parts])
    result["vision_model.head.attention.in_proj_weight"] = fused
    result["vision_model.head.attention.in_proj_bias"] = np.concatenate(
        [flat[f"{pool}/{part}/bias"] for part in parts]
    )
    for tower, ours in (("vision_model", "visual"), ("text_model", "text")):
        for index in range(LAYERS):
            theirs, mine = f"{tower}.encoder.layers.{index}", f"{ours}/block{index}"
            put(f"{theirs}.layer_norm1", f"{mine}/attention_norm")
            put(f"{theirs}.layer_norm2", f"{mine}/mlp_norm")
            put(f"{theirs}.mlp.fc1", f"{mine}/mlp/expand")
            put(f"{theirs}.mlp.fc2", f"{mine}/mlp/reduce")
            put(f"{theirs}.self_attn.out_proj", f"{mine}/attention/output")
            for part in parts:
                put(f"{theirs}.self_attn.{part[0]}_proj", f"{mine}/attention/{part}")
    return result


def test_positions_that_were_added_twice_are_merged(tensors):
    extra = np.ones((1, 6, WIDTH), np.float32)
    merged = convert(tensors | {"params/txt/Encoder_0/pos_embedding": extra})[1]
    expected = tensors["params/txt/pos_embedding"][0] + 1
    np.testing.assert_allclose(merged["clip"]["text"]["position_embedding"], expected)


def test_optimizer_state_is_skipped_and_a_missing_bias_is_zero(tensors):
    del tensors["params/b"]
    _, params, report = convert(tensors | {"opt/step": np.zeros(())})
    assert report.skipped == {"opt/step": "state of the optimizer"}
    assert params["clip"]["logit_bias"] == 0
    assert (
        list(report.filled) == ["clip/logit_bias"] and "softmax" in report.filled["clip/logit_bias"]
    )


def test_every_problem_is_named(tensors):
    del tensors["params/txt/head/bias"]
    tensors["params/img/surplus"] = np.zeros(3)
    tensors["params/txt/head/kernel"] = np.zeros((WIDTH, 5))
    with pytest.raises(ConversionError) as caught:
        convert(tensors)
    for part in ("img/surplus", "clip/text/projection/bias", "comes out as (16, 5)", "x.npz"):
        assert part in str(caught.value)


def test_other_sizes_are_named(tensors):
    tensors["params/img/pos_embedding"] = np.zeros((1, 25, WIDTH))
    with pytest.raises(ConversionError, match="image_size 40.*not those of any of small"):
        convert(tensors)
    with pytest.raises(ConversionError, match="not those of"):
        convert({"params/img/embedding/kernel": np.zeros((192, WIDTH))[None, None]})


def test_expected_paths_are_those_of_the_model(tensors):
    wanted = trees.flatten({"clip": expected_clip("small")})
    assert trees.flatten(convert(tensors)[1]).keys() == wanted.keys()


def test_npz_of_the_reader_keeps_names(tensors, tmp_path):
    np.savez(tmp_path / "x.npz", **tensors)
    assert set(read_tensors(tmp_path / "x.npz")) == set(tensors)
