"""Live parity with timm's EVA towers at small sizes, stage by stage (extra `parity`)."""

import copy
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.convert.rules import apply
from ovseg_jax.convert.towers.eva import EVA_CLIP_TABLE, TIMM_TABLE
from ovseg_jax.foundation import trees
from ovseg_jax.models.clip.vit import VisionTransformer

torch = pytest.importorskip("torch")
import parity  # noqa: E402, F401 - before timm

eva = pytest.importorskip("timm.models.eva")

SIZE, PATCH, WIDTH, LAYERS, HEADS, DIM = 64, 8, 64, 2, 4, 24
SHARED = {
    "img_size": SIZE,
    "patch_size": PATCH,
    "embed_dim": WIDTH,
    "depth": LAYERS,
    "num_heads": HEADS,
    "num_classes": DIM,
    "global_pool": "token",
}
THEIRS = {
    "eva02": {
        "qkv_fused": False,
        "mlp_ratio": 4 * 2 / 3,
        "swiglu_mlp": True,
        "scale_mlp": True,
        "scale_attn_inner": True,
        "use_rot_pos_emb": True,
        "ref_feat_shape": (16, 16),
    },
    "eva01": {"mlp_ratio": 6144 / 1408},
}
OURS = {
    "eva02": {"mlp_width": 170, "gated": True, "rotary_grid": 16},
    "eva01": {"mlp_width": 279},
}
GRIDS = {"native": (8, 8), "larger": (11, 9), "smaller": (3, 12)}


@pytest.fixture(scope="module", params=["eva02", "eva01"])
def pair(request):
    """A timm tower with random weights, and ours with the same after conversion."""
    torch.manual_seed(0)
    theirs = eva.Eva(**SHARED, **THEIRS[request.param]).eval()
    with torch.no_grad():
        for value in theirs.parameters():
            value.add_(torch.randn_like(value) * (0.3 if value.ndim < 2 else 0.1))
    ours = VisionTransformer(
        image_size=SIZE,
        patch=PATCH,
        width=WIDTH,
        layers=LAYERS,
        heads=HEADS,
        embedding_dim=DIM,
        eps=1e-6,
        patch_bias=True,
        pre_norm=False,
        head_bias=True,
        key_bias=False,
        **OURS[request.param],
    )
    tensors = {name: value.numpy() for name, value in theirs.state_dict().items()}
    params, report = apply(TIMM_TABLE, tensors, shapes_of(ours), "timm")
    assert set(report.used) == set(tensors)
    return request.param, theirs, ours, params, tensors


def shapes_of(tower):
    images = jnp.zeros((1, SIZE, SIZE, 3))
    return jax.eval_shape(tower.init, jax.random.key(0), images)["params"]


def their_stages(theirs, images):
    """Runs timm's tower and keeps what every module returned."""
    stages = {}

    def keep(name):
        return lambda _module, _inputs, output: stages.update({name: output.detach().numpy()})

    modules = {"patches": theirs.patch_embed, "normed": theirs.norm}
    modules |= {f"block{index}": block for index, block in enumerate(theirs.blocks)}
    hooks = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    with torch.no_grad():
        stages["embedding"] = theirs(torch.tensor(images).permute(0, 3, 1, 2)).numpy()
    for hook in hooks:
        hook.remove()
    return stages


@functools.cache
def compiled(ours):
    def stages(tower, images):
        cells = tower.embed_patches(images)
        tokens, memories = tower.run(images, remember=range(LAYERS))
        maps, whole = tower.outputs(images)
        entering = [memories[index].tokens for index in range(LAYERS)]
        return {
            "patches": cells.reshape(len(images), -1, WIDTH),
            "entering": entering[0],
            **{f"block{i}": x for i, x in enumerate([*entering[1:], tokens])},
            "normed": tower.head_hidden(tokens),
            "embedding": whole,
            "dense": maps["dense"],
        }

    return jax.jit(lambda p, x: ours.apply({"params": p}, x, method=stages))


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_every_stage_is_that_of_timm(pair, grid):
    _, theirs, ours, params, _ = pair
    size = grid[0] * PATCH, grid[1] * PATCH
    images = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    resized = copy.deepcopy(theirs)
    if size != (SIZE, SIZE):
        resized.set_input_size(size)
    expected, found = their_stages(resized, images), compiled(ours)(params, images)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=3e-5, rtol=3e-5, err_msg=name)
    cells = expected[f"block{LAYERS - 1}"][:, 1:].reshape(2, *grid, WIDTH)
    np.testing.assert_allclose(found["dense"], cells, atol=3e-5, rtol=3e-5)


def test_positions_of_another_grid_are_those_of_timm(pair):
    _, theirs, ours, params, _ = pair
    resized = copy.deepcopy(theirs)
    resized.set_input_size((11 * PATCH, 9 * PATCH))
    found = ours.apply({"params": params}, (11, 9), method="positions")
    np.testing.assert_allclose(found, resized.pos_embed.detach().numpy()[0], atol=1e-5)


NAMES = {  # timm's, BAAI's; the order matters
    "mlp.norm": "mlp.ffn_ln",
    "attn.norm": "attn.inner_attn_ln",
    "mlp.fc1_g": "mlp.w1",
    "mlp.fc1_x": "mlp.w2",
    "q_proj.bias": "q_bias",
    "v_proj.bias": "v_bias",
}


def test_the_layout_of_baai_becomes_the_same_tower(pair):
    kind, _, ours, params, tensors = pair
    names = NAMES | ({"mlp.fc2": "mlp.w3"} if kind == "eva02" else {})
    renamed = {}
    for name, value in tensors.items():
        for old, new in names.items():
            name = name.replace(old, new)
        renamed[name] = value
    buffers = ("rope.freqs_cos", "blocks.1.attn.rope.freqs_sin", "blocks.0.attn.k_bias")
    renamed |= {name: np.zeros((4, 4), np.float32) for name in buffers}
    found, report = apply(EVA_CLIP_TABLE, renamed, shapes_of(ours), "eva_clip")
    assert set(report.skipped) == set(buffers) and all(report.skipped.values())
    flat, expected = trees.flatten(found), trees.flatten(params)
    assert flat.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(flat[path], value, err_msg=path)


def test_keys_have_no_bias_and_tensors_of_another_design_are_refused(pair):
    _, _, ours, params, tensors = pair
    assert not any(path.endswith("key/bias") for path in trees.flatten(params))
    extra = tensors | {"blocks.0.gamma_1": np.zeros(WIDTH, np.float32)}
    with pytest.raises(ValueError, match="no rule for the tensor blocks.0.gamma_1"):
        apply(TIMM_TABLE, extra, shapes_of(ours), "timm")


def test_rotation_matters(pair):
    """A tower that forgot to turn its keys would fail the parity tests, not pass by chance."""
    kind, _, ours, params, _ = pair
    images = np.random.default_rng(0).normal(size=(1, SIZE, SIZE, 3)).astype(np.float32)
    turned = compiled(ours)(params, images)["embedding"]
    plain = compiled(ours.clone(rotary_grid=0))(params, images)["embedding"]
    assert (np.abs(turned - plain).max() > 1e-3) == (kind == "eva02")
