"""EVA-CLIP files in both layouts: every tensor finds its place, and sizes are read off."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import open_clip_files as files
import pytest

from ovseg_jax.convert.rules import apply, prefixed
from ovseg_jax.convert.towers.eva import EVA_CLIP_TABLE, FAMILIES
from ovseg_jax.foundation import trees
from ovseg_jax.models.clip.vit import VisionTransformer

TIMM, BAAI = FAMILIES
EVA = {"eps": 1e-6, "patch_bias": True, "pre_norm": False, "head_bias": True, "key_bias": False}
EVA02 = {"gated": True, "rotary_grid": 16}
BASE = {"image_size": 224, "patch": 16, "width": 768, "layers": 12, "embedding_dim": 512}
LARGE = {"image_size": 336, "patch": 14, "width": 1024, "layers": 24, "embedding_dim": 768}
GIANT = {"image_size": 224, "patch": 14, "width": 1408, "layers": 40, "embedding_dim": 1024}
TOWERS = {
    "base": VisionTransformer(**BASE, heads=12, mlp_width=2048, **EVA02, **EVA),
    "large": VisionTransformer(**LARGE, heads=16, mlp_width=2730, **EVA02, **EVA),
    "giant": VisionTransformer(**GIANT, heads=16, mlp_width=6144, **EVA),
}


def giant_shapes(layers=40):
    """Names and shapes of EVA01_CLIP_g_14_plus_psz14_s11B.pt, image tower."""
    width, hidden = 1408, 6144
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 257, width)}
    shapes |= {"patch_embed.proj.weight": (width, 3, 14, 14), "patch_embed.proj.bias": (width,)}
    shapes |= {"norm.weight": (width,), "norm.bias": (width,)}
    shapes |= {"head.weight": (1024, width), "head.bias": (1024,)}
    for index in range(layers):
        block = f"blocks.{index}."
        shapes |= {
            f"{block}norm{i}.{part}": (width,) for i in (1, 2) for part in ("weight", "bias")
        }
        shapes |= {f"{block}attn.{name}": (width,) for name in ("q_bias", "v_bias", "proj.bias")}
        shapes[f"{block}attn.qkv.weight"] = (3 * width, width)
        shapes[f"{block}attn.proj.weight"] = (width, width)
        shapes |= {f"{block}mlp.fc1.weight": (hidden, width), f"{block}mlp.fc1.bias": (hidden,)}
        shapes |= {f"{block}mlp.fc2.weight": (width, hidden), f"{block}mlp.fc2.bias": (width,)}
    return shapes


def maskclippp_shapes(prefix="visual_encoder.proxy."):
    shapes = files.golden_shapes("maskclippp/a2_eva_b16")
    return {n.removeprefix(prefix): s for n, s in shapes.items() if n.startswith(prefix)}


def expected(tower):
    images = jnp.zeros((1, tower.image_size, tower.image_size, 3))
    return jax.eval_shape(tower.init, jax.random.key(0), images)["params"]


def open_clip_shapes(case):
    shapes = files.golden_shapes(f"clip_towers/{case}")
    return {name: shape for name, shape in shapes.items() if name.startswith("visual.")}


FILES = {
    "open_clip, base": (TIMM, "base", lambda: open_clip_shapes("a6_eva02_b_16")),
    "open_clip, large": (TIMM, "large", lambda: open_clip_shapes("a7_eva02_l_14_336")),
    "open_clip, giant": (
        TIMM,
        "giant",
        lambda: {f"visual.trunk.{name}": shape for name, shape in giant_shapes().items()},
    ),
    "baai, base": (
        BAAI,
        "base",
        lambda: {f"visual.{name}": shape for name, shape in maskclippp_shapes().items()},
    ),
    "baai, giant": (
        BAAI,
        "giant",
        lambda: {f"visual.{name}": shape for name, shape in giant_shapes().items()},
    ),
}


@pytest.mark.parametrize("file", FILES)
def test_every_tensor_fills_a_parameter_and_sizes_are_those_of_the_tower(file):
    family, name, shapes = FILES[file]
    shapes, tower = shapes(), TOWERS[name]
    params, report = apply(family.table, files.hollow(shapes), {"visual": expected(tower)}, file)
    assert set(report.used) == set(shapes)
    assert trees.count(params) == sum(int(np.prod(shape)) for shape in shapes.values())
    for field, value in family.sizes(shapes).items():
        assert getattr(tower, field) == value, field


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_of_one_family(file):
    family, _, shapes = FILES[file]
    assert [other for other in FAMILIES if other.marker in shapes()] == [family]


def test_fused_projections_are_split_and_free_biases_find_their_place():
    shapes = {f"visual.{name}": shape for name, shape in giant_shapes(layers=1).items()}
    tensors = files.random({name: shape for name, shape in shapes.items() if ".attn." in name})
    tensors = files.hollow(shapes) | tensors
    tower = TOWERS["giant"].clone(layers=1)
    params, _ = apply(BAAI.table, tensors, {"visual": expected(tower)}, "x")
    attention = params["visual"]["block0"]["attention"]
    fused = tensors["visual.blocks.0.attn.qkv.weight"]
    for index, part in enumerate(("query", "key", "value")):
        rows = slice(1408 * index, 1408 * (index + 1))
        np.testing.assert_array_equal(attention[part]["kernel"].T, fused[rows])
    np.testing.assert_array_equal(
        attention["query"]["bias"], tensors["visual.blocks.0.attn.q_bias"]
    )
    np.testing.assert_array_equal(
        attention["value"]["bias"], tensors["visual.blocks.0.attn.v_bias"]
    )
    assert set(attention["key"]) == {"kernel"}


def test_buffers_are_left_out_with_a_reason():
    shapes = {f"visual.{name}": shape for name, shape in maskclippp_shapes().items()}
    buffers = {
        "visual.rope.freqs_cos": "tabulated anew",
        "visual.blocks.3.attn.rope.freqs_sin": "tabulated anew",
        "visual.blocks.0.attn.relative_position_index": "do not have",
        "visual.blocks.0.attn.k_bias": "keys have no bias",
    }
    tensors = files.hollow(shapes | dict.fromkeys(buffers, (4,)))
    _, report = apply(BAAI.table, tensors, {"visual": expected(TOWERS["base"])}, "x")
    assert report.skipped.keys() == buffers.keys()
    for name, reason in buffers.items():
        assert re.search(reason, report.skipped[name])


def test_learned_relative_positions_are_not_dropped_in_silence():
    shapes = {f"visual.{name}": shape for name, shape in maskclippp_shapes().items()}
    shapes["visual.blocks.0.attn.relative_position_bias_table"] = (732, 12)
    with pytest.raises(ValueError, match="no rule .*relative_position_bias_table"):
        apply(BAAI.table, files.hollow(shapes), {"visual": expected(TOWERS["base"])}, "x")


def test_the_table_takes_the_prefix_of_maskclippp():
    shapes = {f"visual_encoder.proxy.{n}": s for n, s in maskclippp_shapes().items()}
    table = prefixed(EVA_CLIP_TABLE, "visual_encoder.proxy.", "clip/visual/")
    wanted = {"clip": {"visual": expected(TOWERS["base"])}}
    _, report = apply(table, files.hollow(shapes), wanted, "x")
    assert set(report.used) == set(shapes)
