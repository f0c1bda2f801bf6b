"""Live parity with open_clip's own ViT and text towers at small sizes, stage by stage."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.convert.rules import apply
from ovseg_jax.convert.towers import clip_text, vit
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.vit import VisionTransformer

torch = pytest.importorskip("torch")
import parity  # noqa: E402, F401 - before open_clip

open_clip = pytest.importorskip("open_clip")

SIZE, PATCH, WIDTH, LAYERS, DIM = 64, 8, 64, 2, 24
TEXT = {"context_length": 20, "vocab_size": 99, "width": 48, "heads": 3, "layers": 2}
GRIDS = {"native": (8, 8), "larger": (11, 9), "smaller": (3, 12)}


def their_model(quick, size=SIZE):
    vision = {"layers": LAYERS, "width": WIDTH, "head_width": 16, "patch_size": PATCH}
    vision["image_size"] = size
    return open_clip.model.CLIP(DIM, vision, TEXT, quick_gelu=quick).eval()


@pytest.fixture(scope="module", params=[False, True], ids=["gelu", "quickgelu"])
def pair(request):
    """An open_clip model with random weights, and ours with the same after conversion."""
    torch.manual_seed(0)
    theirs = their_model(request.param)
    with torch.no_grad():
        for value in theirs.parameters():
            value.add_(torch.randn_like(value) * (0.3 if value.ndim < 2 else 0.1))
    ours = Clip(
        visual=VisionTransformer(
            image_size=SIZE,
            patch=PATCH,
            width=WIDTH,
            layers=LAYERS,
            heads=4,
            embedding_dim=DIM,
            activation="quick_gelu" if request.param else "gelu",
        ),
        text=TextTower(**TEXT, embedding_dim=DIM, quick=request.param),
    )
    arguments = jnp.zeros((1, SIZE, SIZE, 3)), jnp.zeros((1, 20), jnp.int32)
    expected = jax.eval_shape(ours.init, jax.random.key(0), *arguments)["params"]
    tensors = {name: value.numpy() for name, value in theirs.state_dict().items()}
    params, report = apply((*vit.TABLE, *clip_text.TABLE), tensors, expected, "open_clip")
    assert set(report.used) | set(report.skipped) == set(tensors)
    return theirs, ours, {"params": jax.tree.map(jnp.asarray, params)}


def recorded(modules, run):
    """Runs and returns what every module returned."""
    stages = {}

    def keep(name):
        return lambda _module, _inputs, output: stages.update({name: output.detach().numpy()})

    hooks = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    with torch.no_grad():
        stages["embedding"] = run().numpy()
    for hook in hooks:
        hook.remove()
    return stages


def at_size(theirs, size):
    """The same weights in a model of another image size, as open_clip loads them."""
    resized = their_model(is_quick(theirs), size)
    state = dict(theirs.state_dict())
    open_clip.model.resize_pos_embed(state, resized)
    resized.load_state_dict(state)
    return resized


def is_quick(theirs):
    return isinstance(theirs.transformer.resblocks[0].mlp.gelu, open_clip.transformer.QuickGELU)


@functools.cache
def compiled(ours):
    def stages(clip, images):
        tower, count = clip.visual, len(images)
        cells = tower.embed_patches(images)
        tokens, memories = tower.run(images, remember=range(LAYERS))
        maps, whole = tower.outputs(images)
        entering = [memories[index].tokens for index in range(LAYERS)]
        return {
            "conv1": jnp.moveaxis(cells, -1, 1),
            "ln_pre": entering[0],
            **{f"block{i}": x for i, x in enumerate([*entering[1:], tokens])},
            "ln_post": tower.head_hidden(tokens),
            "embedding": whole,
            "dense": maps["dense"].reshape(count, -1, WIDTH),
            "projected": clip.project(maps["dense"]).reshape(count, -1, DIM),
        }

    return jax.jit(lambda v, x: ours.apply(v, x, method=stages))


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_every_stage_of_the_image_tower_is_that_of_open_clip(pair, grid):
    theirs, ours, variables = pair
    size = grid[0] * PATCH, grid[1] * PATCH
    visual = at_size(theirs, size).visual
    images = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    modules = {"conv1": visual.conv1, "ln_pre": visual.ln_pre, "ln_post": visual.ln_post}
    modules |= {f"block{i}": block for i, block in enumerate(visual.transformer.resblocks)}
    expected = recorded(modules, lambda: visual(torch.tensor(images).permute(0, 3, 1, 2)))
    projection = visual.proj.detach().numpy()
    expected["dense"] = expected[f"block{LAYERS - 1}"][:, 1:]
    expected["projected"] = expected["ln_post"][:, 1:] @ projection
    found = compiled(ours)(variables, images)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=3e-5, rtol=3e-5, err_msg=name)


def test_positions_of_another_grid_are_those_of_open_clip(pair):
    theirs, ours, variables = pair
    expected = at_size(theirs, (88, 72)).visual.positional_embedding.detach().numpy()
    found = ours.apply(variables, method=lambda clip: clip.visual.positions((11, 9)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_stage_of_the_text_tower_is_that_of_open_clip(pair):
    theirs, ours, variables = pair
    tokens = np.random.default_rng(0).integers(1, 98, size=(3, 20))
    tokens[[0, 1, 2], [19, 7, 1]] = 98
    modules = {f"block{i}": block for i, block in enumerate(theirs.transformer.resblocks)}
    expected = recorded(modules, lambda: theirs.encode_text(torch.tensor(tokens)))
    found, state = ours.apply(
        variables,
        jnp.asarray(tokens),
        method="encode_text",
        capture_intermediates=True,
        mutable=["intermediates"],
    )
    for index in range(TEXT["layers"]):
        block = state["intermediates"]["text"][f"block{index}"]["__call__"][0]
        np.testing.assert_allclose(block, expected[f"block{index}"], atol=3e-5, rtol=3e-5)
    np.testing.assert_allclose(found, expected["embedding"], atol=3e-5, rtol=3e-5)


def test_the_activation_matters(pair):
    """The two activations differ by 2%: with the wrong one the parity tests would fail."""
    _, ours, variables = pair
    images = np.random.default_rng(0).normal(size=(1, SIZE, SIZE, 3)).astype(np.float32)
    swapped = {"gelu": "quick_gelu", "quick_gelu": "gelu"}[ours.visual.activation]
    other = ours.clone(visual=ours.visual.clone(activation=swapped))
    found = [compiled(clip)(variables, images)["embedding"] for clip in (ours, other)]
    assert jnp.abs(found[0] - found[1]).max() > 1e-3
