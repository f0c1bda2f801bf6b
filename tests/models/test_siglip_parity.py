"""SigLIP against transformers at random weights, stage by stage, and big_vision's resampling."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.convert.rules import apply
from ovseg_jax.convert.towers.siglip import HF_TABLE
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.siglip import SiglipTextTower, SiglipTower
from ovseg_jax.ops.attention.positions import resample_positions

torch = pytest.importorskip("torch")
pytest.importorskip("parity")
transformers = pytest.importorskip("transformers")

SIZE, PATCH, WIDTH = 48, 8, 32
VISUAL = SiglipTower(
    image_size=SIZE, patch=PATCH, width=WIDTH, layers=3, heads=4, embedding_dim=WIDTH, mlp_width=56
)
TEXT = SiglipTextTower(
    vocab_size=50,
    context_length=12,
    width=WIDTH,
    heads=2,
    layers=2,
    mlp_width=40,
    embedding_dim=WIDTH,
)


@pytest.fixture(scope="module")
def pair():
    """A SiglipModel with random weights, and ours with the same after conversion."""
    vision = {"hidden_size": WIDTH, "intermediate_size": 56, "num_hidden_layers": 3}
    vision |= {"num_attention_heads": 4, "image_size": SIZE, "patch_size": PATCH}
    text = {"hidden_size": WIDTH, "intermediate_size": 40, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 2, "vocab_size": 50, "max_position_embeddings": 12}
    torch.manual_seed(0)
    config = transformers.SiglipConfig(vision_config=vision, text_config=text)
    theirs = transformers.SiglipModel(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    clip = Clip(visual=VISUAL, text=TEXT, has_bias=True, max_temperature=None)
    arguments = jnp.zeros((1, SIZE, SIZE, 3)), jnp.zeros((1, 12), jnp.int32)
    expected = jax.eval_shape(clip.init, jax.random.key(0), *arguments)["params"]
    tensors = {name: value.numpy() for name, value in theirs.state_dict().items()}
    params, report = apply(HF_TABLE, tensors, {"clip": expected}, "siglip")
    assert set(report.used) | set(report.skipped) == set(tensors)
    return theirs, clip, {"params": jax.tree.map(jnp.asarray, params["clip"])}


def close(found, expected):
    expected = expected.detach().numpy()
    np.testing.assert_allclose(found, expected, atol=3e-5 * np.abs(expected).max(), rtol=1e-4)


def pixels(height=SIZE, width=SIZE):
    values = np.random.default_rng(0).standard_normal((2, height, width, 3)).astype(np.float32)
    return jnp.asarray(values), torch.from_numpy(values.transpose(0, 3, 1, 2).copy())


def stages(clip, variables, images):
    def inside(module, images):
        tokens, memories = module.visual.run(images, remember=range(3))
        entering = [memories[index].tokens for index in range(3)]
        return [*entering, tokens], module.visual.final_norm(tokens)

    return clip.apply(variables, images, method=inside)


@pytest.mark.parametrize("shape", [(48, 48), (64, 40)], ids=["native", "other"])
def test_every_stage_of_the_image_tower(pair, shape):
    theirs, clip, variables = pair
    ours, images = pixels(*shape)
    clip = clip.clone(visual=VISUAL.clone(position_resize="bicubic"))
    with torch.no_grad():
        result = theirs.vision_model(
            pixel_values=images,
            interpolate_pos_encoding=shape != (48, 48),
            output_hidden_states=True,
        )
    blocks, normed = stages(clip, variables, ours)
    for found, expected in zip(blocks, result.hidden_states, strict=True):
        close(found, expected)
    close(normed, result.last_hidden_state)
    close(clip.apply(variables, ours, method="encode_image"), result.pooler_output)


def test_the_text_tower_and_the_logits(pair):
    theirs, clip, variables = pair
    ours, images = pixels()
    tokens = np.random.default_rng(1).integers(0, 50, (3, 12))
    with torch.no_grad():
        result = theirs(input_ids=torch.from_numpy(tokens), pixel_values=images)
    apply_clip = functools.partial(clip.apply, variables)
    text = apply_clip(jnp.asarray(tokens, jnp.int32), method="encode_text")
    close(text / np.linalg.norm(text, axis=-1, keepdims=True), result.text_embeds)
    image = apply_clip(ours, method="encode_image")
    close(apply_clip(image, text, method="similarity"), result.logits_per_image)


@pytest.mark.parametrize("grid", [(9, 9), (4, 4), (5, 8)])
def test_positions_are_zoomed_as_big_vision_does(grid):
    ndimage = pytest.importorskip("scipy.ndimage")
    table = np.random.default_rng(0).standard_normal((36, 5)).astype(np.float32)
    factors = (grid[0] / 6, grid[1] / 6, 1)
    expected = ndimage.zoom(table.reshape(6, 6, 5), factors, order=1).reshape(-1, 5)
    found = resample_positions(jnp.asarray(table), (6, 6), grid, "bilinear_aligned")
    np.testing.assert_allclose(found, expected, atol=1e-5)
